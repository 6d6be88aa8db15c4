//! The hand-over from CI through systemd's path unit.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use crate::stand::{CONFIG_FILE, STATE, Stand, stand};

const ENDED: &str = "until [ \"$(systemctl --user is-active stepdown-app.service)\" = inactive ]; do sleep 0.1; done";
const FIX: &str = "fix: write one tag and nothing else, in a regular file";

/// Waits at most 90 s for an answer.
fn answer(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        match fs::read_to_string(path) {
            Ok(text) => return text.trim().to_owned(),
            Err(_) => assert!(Instant::now() < deadline, "no answer in {}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn hand_over(stand: &Stand, tag: &str) -> String {
    let status = stand.path("runner-data/deploy-status");
    let _ = fs::remove_file(&status);
    stand.write("runner-data/.new", tag);
    stand.own();
    fs::rename(stand.path("runner-data/.new"), stand.path("runner-data/deploy-trigger")).unwrap();
    answer(&status)
}

#[test]
fn trigger_deploys_the_tag_that_it_names() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let tag = stand.publish("good", Some("good"));
    assert_eq!(hand_over(&stand, &format!("{tag}\n")), format!("ok {tag}"));
    assert_eq!(stand.answers(), tag);
    let unsigned = stand.publish("good", None);
    assert!(hand_over(&stand, &unsigned).starts_with(&format!("fail {unsigned} verify")));
    assert_eq!(stand.answers(), tag);
}

#[test]
fn garbage_in_the_trigger_is_refused() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let picture = stand.picture();
    for garbage in ["", "GAR BAGE", "../../../etc/passwd", "--help", "v1\nv2"] {
        assert!(hand_over(&stand, garbage).starts_with("fail - the tag is not valid"), "{garbage:?}");
    }
    assert_eq!(
        hand_over(&stand, &"x".repeat(1 << 20)),
        format!("fail - the request is longer than 129 bytes; nothing has changed; {FIX}")
    );
    let (made, status) = (stand.path("runner-data/.made"), stand.path("runner-data/deploy-status"));
    let makers: [(&dyn Fn(), &str); 3] = [
        (&|| fs::create_dir_all(made.join("deep")).unwrap(), "not a regular file"),
        (&|| rustix::fs::mkfifoat(rustix::fs::CWD, &made, 0o644.into()).unwrap(), "not a regular file"),
        (&|| fs::File::create(&made).unwrap().set_len(64 << 20).unwrap(), "longer than 129 bytes"),
    ];
    for (make, words) in makers {
        fs::remove_file(&status).unwrap();
        make();
        stand.own();
        fs::rename(&made, stand.path("runner-data/deploy-trigger")).unwrap();
        assert_eq!(answer(&status), format!("fail - the request is {words}; nothing has changed; {FIX}"));
    }
    assert_eq!(stand.picture(), picture);
}

#[test]
fn planted_links_are_not_followed() {
    let Some(stand) = stand() else { return };
    stand.serving();
    stand.write("secret", "v1");
    stand.own();
    let (trigger, status) = (stand.path("runner-data/deploy-trigger"), stand.path("runner-data/deploy-status"));
    let _ = fs::remove_file(&status);
    symlink("/home/app/secret", &trigger).unwrap();
    assert_eq!(answer(&status), format!("fail - the request is a link; nothing has changed; {FIX}"));
    fs::remove_file(&status).unwrap();
    symlink("/home/app/secret", &status).unwrap();
    stand.write("runner-data/deploy-trigger", "no tag");
    let deadline = Instant::now() + Duration::from_secs(90);
    while status.is_symlink() || !status.exists() {
        assert!(Instant::now() < deadline, "no answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(answer(&status).starts_with("fail - "));
    assert_eq!(fs::read_to_string(stand.path("secret")).unwrap(), "v1");
}

/// Another user may be able to write to the directory: the one that CI runs as.
#[test]
fn entries_of_another_user_are_refused_and_block_no_other_request() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let picture = stand.picture();
    let (spool, status) = ("/home/app/runner-data", stand.path("runner-data/deploy-status"));
    let as_other = "setpriv --reuid 1234 --regid 1234 --clear-groups sh -c";
    stand.root(&format!("chmod 0777 {spool} {spool}/new"));
    let cases = [
        ("mkdir deploy-trigger && touch deploy-trigger/file", "cannot be claimed: Permission denied"),
        ("mkdir .d .d/deep && touch .d/deep/file && chmod 0777 .d && mv .d deploy-trigger", "not a regular file"),
        ("mkfifo deploy-trigger", "not a regular file"),
        ("ln -s /etc/passwd deploy-trigger", "a link"),
        ("(umask 077; echo v1 >deploy-trigger)", "cannot be opened: Permission denied"),
        ("ln /etc/hostname deploy-trigger 2>/dev/null || echo .. >deploy-trigger", "the tag is not valid"),
    ];
    for (plant, words) in cases {
        let _ = fs::remove_file(&status);
        stand.root(&format!("cd {spool} && {as_other} '{plant}'"));
        let answer = answer(&status);
        assert!(answer.starts_with("fail - ") && answer.contains(words), "{plant}: {answer}");
    }
    stand.root(&format!("cd {spool}/new && {as_other} 'mkdir a && touch a/file'"));
    stand.write("runner-data/.b", "no tag");
    stand.own();
    fs::rename(stand.path("runner-data/.b"), stand.path("runner-data/new/b")).unwrap();
    assert!(answer(&stand.path("runner-data/done/b")).starts_with("fail - the tag is not valid"));
    assert!(answer(&stand.path("runner-data/done/a")).contains("cannot be claimed"));
    assert_eq!(stand.picture(), picture);
    // Nothing is left that starts the service again.
    stand.shell(ENDED);
    let left = stand.root(&format!("ls {spool}/new; ls {STATE}/claimed"));
    assert_eq!(left, "");
    stand.root(&format!(
        "rm -rf {spool}/.refused-* {spool}/new/.refused-* {STATE}/claimed/.refused-* {spool}/.d && \
         chmod 0755 {spool} {spool}/new"
    ));
}

/// State and spool are on the disk that is full, where a request can be claimed and not answered. The service tries
/// again, also after SIGKILL.
#[test]
fn answer_is_written_once_the_full_disk_has_space_again() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let disk = STATE.strip_suffix("/app").unwrap();
    let config = stand.read(CONFIG_FILE).replace("%h/runner-data", &format!("{disk}/runner"));
    let _edited = stand.edit(CONFIG_FILE, &config);
    stand.root(&format!(
        "cp -a {STATE} /tmp/state && mount -t tmpfs -o size=1m,uid=1000,gid=1000,mode=0700 tmpfs {disk} && \
         mv /tmp/state {STATE} && cd {disk} && mkdir runner && chown 1000:1000 runner && \
         echo no tag >runner/.new && \
         {{ dd if=/dev/zero of=full bs=4k 2>/dev/null || true; }} && mv runner/.new runner/deploy-trigger"
    ));
    let service = "systemctl --user start --no-block stepdown-app.service";
    stand.shell(service);
    stand.shell(&format!("timeout 60 sh -c 'until ls {STATE}/claimed | grep -q trigger-; do sleep 0.1; done'"));
    stand.shell("systemctl --user kill --signal=KILL stepdown-app.service");
    stand.shell(service);
    let status = "systemctl --user status stepdown-app.service";
    stand.shell(&format!("timeout 60 sh -c 'until {status} | grep -q \"No space left\"; do sleep 0.1; done'"));
    stand.root(&format!("test ! -e {disk}/runner/deploy-status && rm {disk}/full"));
    let answer = format!("{disk}/runner/deploy-status");
    stand.shell(&format!("timeout 60 sh -c 'until [ -s {answer} ]; do sleep 0.1; done'"));
    assert!(stand.shell(&format!("cat {answer}")).starts_with("fail - the tag is not valid"));
    stand.shell(ENDED);
    stand.root(&format!("test -z \"$(ls {STATE}/claimed)\" && umount {disk}"));
}

#[test]
fn second_trigger_during_a_deploy_gets_its_own_answer() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let (good, unsigned) = (stand.publish("good", Some("good")), stand.publish("good", None));
    let (trigger, status) = (stand.path("runner-data/deploy-trigger"), stand.path("runner-data/deploy-status"));
    let _ = fs::remove_file(&status);
    for tag in [&good, &unsigned] {
        stand.write("runner-data/.new", tag);
        stand.own();
        fs::rename(stand.path("runner-data/.new"), &trigger).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while *tag == good && trigger.exists() {
            assert!(Instant::now() < deadline, "the first trigger was not claimed");
        }
    }
    // The second client would read an answer to the first request as its own.
    assert!(answer(&status).starts_with(&format!("fail {unsigned} verify")));
    assert_eq!(stand.answers(), good);
}

#[test]
fn two_requests_at_once_get_their_own_answers() {
    let Some(stand) = stand() else { return };
    stand.serving();
    let (good, unsigned) = (stand.publish("good", Some("good")), stand.publish("good", None));
    for (id, tag) in [("one", &good), ("two", &unsigned)] {
        stand.write(&format!("runner-data/.{id}"), tag);
        stand.own();
        fs::rename(stand.path(&format!("runner-data/.{id}")), stand.path(&format!("runner-data/new/{id}"))).unwrap();
    }
    assert_eq!(answer(&stand.path("runner-data/done/one")), format!("ok {good}"));
    assert!(answer(&stand.path("runner-data/done/two")).starts_with(&format!("fail {unsigned} ")));
    assert_eq!(stand.answers(), good);
}

//! Volumes: the engine's own kinds, handed over by root or found ready by a user.

use crate::expect::{app, refusal, usual};
use crate::lab::engine::is_root;
use crate::row::{BOTH, DOCKER, FOUR, PODMAN, Row, refused_with};

/// One volume at `/data`, its top only.
const TOP: &str = "[[volume]]\npath = \"/data\"\n";
/// One volume at `/data`, with what is in it.
const ALL: &str = "[[volume]]\npath = \"/data\"\nrecursive = true\n";

/// The options of a row without the image's own configuration: no home for the app.
const HOME: &str = "/opt/app-root/src";

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        Row::new("a new named volume", BOTH, |scene| {
            let options = format!("{FOUR} --volume {}:/data {}", scene.volume()?, scene.configuration(TOP));
            data(usual()).judge(&scene.probe(&options, &["stat:/data", "write:/data"])?)
        }),
        a_used_volume(),
        what_the_image_has(),
        Row::new("a volume with :U", PODMAN, |scene| {
            let options = format!("{FOUR} --volume {}:/data:U {}", scene.volume()?, scene.configuration(TOP));
            data(usual()).judge(&scene.probe(&options, &["stat:/data", "write:/data"])?)
        }),
        Row::new("--user 1001 and a volume with :U", PODMAN, |scene| {
            let options =
                format!("--user 1001:1001 {FOUR} --volume {}:/data:U {}", scene.volume()?, scene.configuration(TOP));
            data(app(1001, 1001, "1001")).judge(&scene.probe(&options, &["stat:/data", "write:/data"])?)
        }),
        // Podman changes the owner of a new, empty volume to the container's user.
        Row::new("--user 1001 and a new volume", PODMAN, |scene| {
            let options =
                format!("--user 1001:1001 {FOUR} --volume {}:/data {}", scene.volume()?, scene.configuration(TOP));
            data(app(1001, 1001, "1001")).judge(&scene.probe(&options, &["stat:/data", "write:/data"])?)
        }),
        Row::new("--user 1001 and a volume of root's", BOTH, |scene| {
            let volume = format!("--volume {}:/data", scene.volume()?);
            scene.run(&format!("{volume} --entrypoint touch"), &["/data/old"])?.ended(0)?;
            let options = format!("--user 1001:1001 {FOUR} {volume} {}", scene.configuration(TOP));
            refusal(78, &["/data is not writable to uid 1001", "EACCES", "option U"])
                .judge(&scene.probe(&options, &[])?)
        }),
        refused_with(
            "no volume where one belongs",
            FOUR,
            "[[volume]]\npath = \"/app\"\n",
            refusal(78, &["/app is not a mount point", "--volume NAME:/app:Z"]),
        ),
    ];
    if is_root() {
        rows.extend(bind_mounts());
    }
    rows
}

fn data(app: crate::expect::App) -> crate::expect::App {
    app.finds("HOME", HOME).finds("/data", "drwxr-xr-x 1001:1001").finds("write /data", "ok")
}

/// A volume that an earlier container filled as root: handed over with all that is in it, and only once.
fn a_used_volume() -> Row {
    Row::new("a volume of root's, recursive, started twice", BOTH, |scene| {
        let options = format!("--volume {}:/data", scene.volume()?);
        let fill = "import os\nos.makedirs('/data/a/b')\nopen('/data/a/b/old', 'w')\n\
            os.mkdir('/data/closed', 0o700)\nopen('/data/closed/x', 'w')\n\
            os.symlink('/etc/passwd', '/data/link')\nos.chown('/data/a/b', 5000, 5000)";
        scene.run(&format!("{options} --entrypoint python3"), &["-c", fill])?.ended(0)?;
        let options = format!("{FOUR} {options} {}", scene.configuration(ALL));
        let asked = &["stat:/data", "owners:/data", "write:/data", "stat:/data/link", "stat:/etc/passwd"];
        let handed = data(usual()).finds("owners /data", "1001:1001").finds("/etc/passwd", "-rw-r--r-- 0:0");
        handed
            .clone()
            .logs("/data: 6 entries handed over, 0 left as they are")
            .judge(&scene.probe(&options, asked)?)?;
        let again = scene.probe(&options, asked)?;
        handed.judge(&again)?;
        again.check(!again.stderr.contains("handed over"), "that the second start has nothing to do")?;
        Ok("6 entries, then none".into())
    })
}

/// Engines fill a new volume with what the image has at that place, with its owners: here root's.
fn what_the_image_has() -> Row {
    Row::new("a new volume over the image's /app/news, recursive", BOTH, |scene| {
        let configuration = scene.configuration("[[volume]]\npath = \"/app/news\"\nrecursive = true\n");
        let outcome = scene.probe(
            &format!("{FOUR} --volume /app/news {configuration}"),
            &["owners:/app/news", "stat:/app/news/web.py", "write:/app/news"],
        )?;
        let handed = usual()
            .finds("HOME", HOME)
            .finds("owners /app/news", "1001:1001")
            .finds("/app/news/web.py", "-rw-r--r-- 1001:1001");
        handed.finds("write /app/news", "ok").judge(&outcome)
    })
}

/// A directory of the machine's root: another's to a rootless engine, root's own to a rootful one.
fn bind_mounts() -> [Row; 2] {
    [
        Row::new("a bind mount from outside the user namespace", PODMAN, |scene| {
            let options = format!("{FOUR} --volume {}:/data {}", scene.directory("data"), scene.configuration(TOP));
            refusal(71, &["cannot hand over /data", "EPERM", ":U"]).judge(&scene.probe(&options, &[])?)
        }),
        Row::new("a bind mount of root's", DOCKER, |scene| {
            let options = format!("{FOUR} --volume {}:/data {}", scene.directory("data"), scene.configuration(TOP));
            data(usual()).judge(&scene.probe(&options, &["stat:/data", "write:/data"])?)
        }),
    ]
}

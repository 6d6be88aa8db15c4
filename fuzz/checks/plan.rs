//! Configuration and environment to the plan and its renderings: in every case the app is not root, and everything is
//! printed, one line each.

use std::ffi::CStr;
use std::rc::Rc;

use stepdown::config::args::ReportFormat;
use stepdown::config::args::{self, Arguments, Format};
use stepdown::config::environment::Environment;
use stepdown::config::{decode, values};
use stepdown::error::TextFile;
use stepdown::facts::accounts::Accounts;
use stepdown::facts::id_maps::IdMaps;
use stepdown::plan::{self, Given, StartedAs, container};
use stepdown::privilege::Held;
use stepdown::privilege::capability::Set;
use stepdown::privilege::status::Ids;
use stepdown::render;

const ACCOUNTS: (&str, &str) = ("root:x:0:0::/root:\napp:x:1001:100::/home/app:\n", "video:x:44:app\nusers:x:100:\n");

pub fn check(data: &[u8]) {
    let mut parts = super::parts(data);
    let Ok(text) = std::str::from_utf8(parts.next().unwrap_or(&[])) else { return };
    let file = Rc::new(TextFile { path: "/etc/init.toml".into(), text: text.into() });
    let Ok(mut config) = decode::decode(&file) else { return };
    // Their files would be opened, and this may run as root on a machine with devices.
    config.secrets.clear();
    let mut environment = Environment::default();
    assert!(environment.set("PATH", b"/bin") && environment.set("ROLE", parts.next().unwrap_or(b"web")));
    for (name, value) in ["PORT", "BOOT_CHECK_ONLY", "HOME", "USER"].into_iter().zip(parts) {
        assert!(environment.set(name, value));
    }
    let accounts = Accounts::from_text(ACCOUNTS.0, ACCOUNTS.1);
    for (_, format) in Format::ALL {
        let containers = container::resolve(&config, &arguments(&[]), &environment, &accounts, format);
        match containers.and_then(|containers| render::render(format, &containers)) {
            Ok(rendered) => {
                assert!(rendered.page.ends_with('\n'), "{format:?}: {:?}", rendered.page);
                rendered.page.lines().for_each(super::one_line);
            }
            Err(error) => super::refused(&error, &[78, 126, 127, 71, 64]),
        }
    }
    for (held, words) in [(root(), &[][..]), (root(), &[c"--plan", c"sh", c"-c", c"\xff"]), (user(), &[c"--health"])] {
        let given = Given {
            config: &config,
            arguments: &arguments(words),
            environment: &environment,
            accounts: &accounts,
            held: &held,
            ids: &IdMaps::everything(),
        };
        match plan::resolve(&given) {
            Ok(plan) => sound(&plan, &held),
            Err(error) => super::refused(&error, &[78, 126, 127, 71]),
        }
    }
}

fn sound(plan: &plan::Plan, held: &Held) {
    let target = &plan.target;
    assert!(target.uid != 0 && target.uid != u32::MAX && target.gid != u32::MAX, "{target:?}");
    assert!(target.groups.contains(&target.gid) && target.groups.is_sorted());
    assert!(
        [Set::SETUID, Set::SETGID, Set::SETPCAP].iter().all(|never| !target.keep.contains(*never)),
        "{}",
        target.keep
    );
    let needed = plan.needs.iter().fold(Set::EMPTY, |all, (need, _)| all.with(*need));
    assert!(
        needed.contains(target.keep)
            && (plan.started_as == StartedAs::User
                || needed.contains(Set::SETUID.with(Set::SETGID).with(Set::SETPCAP)))
    );
    let there = held.permitted.contains(needed) && held.bounding.contains(target.keep);
    assert_eq!(plan.preflight(held).is_ok(), there, "{needed}");
    assert!(plan.surfaces.tmpfs.iter().all(|entry| values::path(&entry.path).as_ref() == Ok(&entry.path)));
    assert!(plan.surfaces.directories.iter().all(|(path, _)| path.is_absolute()));
    assert!(matches!(plan.app.environment.only("HOME"), Ok(Some(_))));
    assert!(plan.app.arguments.is_empty() || !plan.app.programs.is_empty());
    let page = plan::print(plan, held, ReportFormat::Text);
    page.lines().for_each(super::one_line);
    assert!(page.lines().all(|line| line.len() >= 14 && line.starts_with(char::is_alphabetic)), "{page}");
    let line = plan::print(plan, held, ReportFormat::Json);
    let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1 && told["uid"] == target.uid, "{line}");
}

fn arguments(words: &[&CStr]) -> Arguments {
    args::parse(words).expect("proper words")
}

fn root() -> Held {
    let four = Set::CHOWN.with(Set::SETUID).with(Set::SETGID).with(Set::SETPCAP);
    Held { permitted: four, effective: four, bounding: four, groups: vec![0, 1, 4], threads: 1, ..Held::default() }
}

fn user() -> Held {
    let ids = |id| Ids { real: id, effective: id, saved: id, file_system: id };
    Held { uid: ids(1001), gid: ids(0), groups: vec![0, 1_000_640_000], threads: 1, ..Held::default() }
}

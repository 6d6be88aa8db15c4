//! The seal in every engine: its refusals, and real apps under it.

use crate::columns::SEAL;
use crate::lab::engine::ALL;
use crate::lab::row::{Row, Verdict};
use crate::lab::scene::{Scene, replaced};
use crate::stand::{ROLES, broker, flags};

const CONFIGURATION: &str = include_str!("../app/init.toml");

/// The end of a sealed configuration.
pub const BOTH: &str = "\n[seal]\nwrites = true\nalso = [\"/tmp\"]\nnamespaces = false\n";

/// Prints `name: ok` or the errno of a write to each place and of a new user namespace.
const TRIES: &str = "
import ctypes, errno, os
print('app: started')
for place in ('/home/app', '/dev/shm', '/var/tmp', '/opt/app-root'):
    try:
        os.close(os.open(f'{place}/x', os.O_CREAT | os.O_WRONLY))
        print(f'{place}: ok')
    except OSError as error:
        print(f'{place}: {errno.errorcode[error.errno]}')
libc = ctypes.CDLL(None, use_errno=True)
print('namespace:', 'ok' if libc.unshare(0x10000000) == 0 else errno.errorcode[ctypes.get_errno()])
";

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = ROLES
        .map(|role| Row::new(format!("{role} sealed, the whole check"), ALL, move |scene| checked(scene, role)))
        .into();
    rows.push(Row::new("sealed writes on a writable root", ALL, writes));
    rows.push(Row::new("sealed namespaces", ALL, namespaces));
    rows.into_iter().map(|row| row.of(SEAL)).collect()
}

fn tried(scene: &Scene, seal: &str) -> Result<crate::lab::call::Outcome, String> {
    let options = replaced(&flags(scene, "web")?, " --read-only", "");
    let configuration = scene.configuration(&format!("{CONFIGURATION}\n[seal]\n{seal}\n"));
    scene.run(&format!("{options} {configuration}"), &["python3", "-c", TRIES])
}

fn writes(scene: &Scene) -> Verdict {
    let outcome = tried(scene, "writes = true")?.ended(0)?;
    for line in ["/home/app: ok", "/dev/shm: ok", "/var/tmp: EACCES"] {
        outcome.check(outcome.stdout.contains(line), line)?;
    }
    Ok("writes refused outside, not inside".into())
}

fn namespaces(scene: &Scene) -> Verdict {
    let outcome = tried(scene, "namespaces = false")?.ended(0)?;
    for line in ["/home/app: ok", "/var/tmp: ok", "namespace: EPERM"] {
        outcome.check(outcome.stdout.contains(line), line)?;
    }
    Ok("namespaces refused".into())
}

/// The app starts, is healthy and stops under the seal.
fn checked(scene: &Scene, role: &str) -> Verdict {
    let configuration = scene.configuration(&format!("{CONFIGURATION}{BOTH}"));
    let options = format!("{} {} {configuration} --env=BOOT_CHECK_ONLY=1", flags(scene, role)?, broker(scene)?);
    let outcome = scene.run(&options, &[])?.ended(0)?;
    for line in ["ok    seal: writes only below ", "ok    seal: no new namespace", "ok    health: passed after "] {
        outcome.check(outcome.stdout.contains(line), line)?;
    }
    Ok("healthy with both sealed".into())
}

//! The mount table: arbitrary bytes cause no panic, and a mount point with any name is found.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use stepdown::facts::mounts::{mounted_at, parse};

pub fn check(data: &[u8]) {
    let mounts = parse(data);
    assert!(mounts.len() <= data.split(|byte| *byte == b'\n').count());
    for mount in &mounts {
        let path = Path::new(std::ffi::OsStr::from_bytes(&mount.point));
        let last = mounts.iter().rposition(|other| other.point == mount.point).expect("it is there");
        assert!(
            mounted_at(&mounts, path).is_some_and(|found| std::ptr::eq(found, &mounts[last])),
            "{path:?} is hidden by mount {last}"
        );
    }
    if !data.contains(&0) {
        let point = [b"/", data].concat();
        let line = [b"22 1 0:21 / ", escaped(&point).as_slice(), b" rw shared:1 - tmpfs tmpfs rw,size=4k\n"].concat();
        let mounts = parse(&line);
        assert_eq!(mounts.len(), 1, "{line:?}");
        let mount = &mounts[0];
        assert_eq!(
            (mount.point.as_slice(), mount.kind.as_str(), mount.value("size")),
            (point.as_slice(), "tmpfs", Some("4k"))
        );
    }
}

/// A path as the kernel writes it: `mangle_path` in `fs/seq_file.c`.
fn escaped(path: &[u8]) -> Vec<u8> {
    path.iter()
        .flat_map(|byte| match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{byte:03o}").into_bytes(),
            other => vec![*other],
        })
        .collect()
}

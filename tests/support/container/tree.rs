//! The root of the container: a tmpfs with the binaries, the accounts, the devices and the files of the test.
//!
//! The keeper builds it in its own mount namespace, and examines it there afterwards; the inner process gets a copy
//! of the mounts and makes the tree its root.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{Gid, Uid, mkfifo};
use rustix::fs::XattrFlags;

use super::{Try, because, crowd, set_mode};
use crate::protocol::{Content, Facts, Kind, Node, Spec};

/// The keeper's path of the tree: a directory that every machine has.
pub const ROOT: &str = "/tmp";

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n\
    app:x:1001:1001:App,,,:/home/app:/bin/sh\n\
    web:x:1002:2002::/srv/web:/bin/sh\nminus:x:-1:-1::/:/bin/sh\nmax:x:4294967295:1::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nbin:x:1:root\nadm:x:4:root\nvideo:x:44:app\naudio:x:29:web,app\napp:x:1001:\n";

/// Files read before the namespaces are entered: afterwards their directories may be inaccessible.
pub struct Sources {
    init: Vec<u8>,
    witness: Vec<u8>,
    /// The files that add a process to a control group, open because the opener's permission counts: `cgroups(7)`.
    pub groups: Vec<File>,
}

impl Sources {
    pub fn open(spec: &Spec) -> Try<Sources> {
        let group = |path: &PathBuf| {
            File::options().write(true).open(path.join("cgroup.procs")).map_err(because(path.display()))
        };
        let groups = spec.groups.iter().map(group).collect::<Try<_>>()?;
        Ok(Sources { init: loaded(&spec.init)?, witness: loaded(&spec.witness)?, groups })
    }
}

/// The loaded segments of a program: most of an unoptimised program is debug information, which follows them and
/// would be copied for each boot. `elf(5)`.
fn loaded(path: &Path) -> Try<Vec<u8>> {
    let mut file = File::open(path).map_err(because(path.display()))?;
    let mut bytes = Vec::new();
    (&mut file).take(4096).read_to_end(&mut bytes).map_err(because(path.display()))?;
    let number = |at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers = (0..count).map(|header| usize::try_from(first + header * size).unwrap());
    // Offset and size in the file of each segment.
    let end = headers.map(|at| number(at + 8, 8) + number(at + 32, 8)).max().ok_or("no segments")?;
    file.rewind()
        .and_then(|()| {
            bytes.clear();
            file.take(end).read_to_end(&mut bytes)
        })
        .map_err(because(path.display()))?;
    Ok(bytes)
}

/// Builds the tree.
pub fn build(spec: &Spec, sources: &Sources) -> Try<()> {
    // The machine's devices must be opened before a mount hides them.
    let mut handles = BTreeMap::new();
    for node in &spec.tree {
        if let Kind::HostBind(path) = &node.kind {
            let handle = rustix::fs::open(
                path,
                rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            );
            handles.insert(node.path.clone(), handle.map_err(because(path.display()))?);
        }
    }
    mount(Some("root"), ROOT, Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
        .map_err(because("the root's tmpfs"))?;
    let is_left_out = |path: &str| spec.without.iter().any(|left_out| Path::new(path).starts_with(left_out));
    for node in basics().into_iter().filter(|node| !is_left_out(&node.path)) {
        make(&node, sources, &handles)?;
    }
    if !is_left_out("/dev") {
        devices()?;
    }
    for node in &spec.tree {
        make(node, sources, &handles).map_err(|why| format!("{}: {why}", node.path))?;
    }
    Ok(())
}

fn devices() -> Try<()> {
    for device in ["null", "zero", "full", "tty", "random", "urandom"] {
        let (path, host) = (format!("{ROOT}/dev/{device}"), format!("/dev/{device}"));
        File::create(&path).map_err(because(&path))?;
        mount(Some(host.as_str()), path.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(because(host))?;
    }
    let terminals = format!("{ROOT}/dev/pts");
    mount(
        Some("devpts"),
        terminals.as_str(),
        Some("devpts"),
        MsFlags::empty(),
        Some("newinstance,ptmxmode=0666,mode=0620,gid=5"),
    )
    .map_err(because("devpts"))
}

fn basics() -> Vec<Node> {
    let node = |path: &str, kind, mode| Node {
        path: path.into(),
        kind,
        owner: (0, 0),
        mode: Some(mode),
        capabilities: None,
        access_list: Vec::new(),
    };
    let directories = [
        "/bin",
        "/usr",
        "/usr/bin",
        "/etc",
        "/proc",
        "/dev",
        "/dev/pts",
        "/root",
        "/run",
        "/home",
        "/home/app",
        "/srv",
    ];
    let mut all: Vec<Node> = directories.into_iter().map(|path| node(path, Kind::Directory, 0o755)).collect();
    all.push(node("/tmp", Kind::Directory, 0o1777));
    all.push(node("/init", Kind::File(Content::Init), 0o711));
    all.push(node("/bin/witness", Kind::File(Content::Witness), 0o755));
    all.push(node("/etc/passwd", Kind::File(Content::Bytes(PASSWD.into())), 0o644));
    all.push(node("/etc/group", Kind::File(Content::Bytes(GROUP.into())), 0o644));
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let link =
            Node { mode: None, ..node(&format!("/dev/{name}"), Kind::Symlink(format!("/proc/self/{target}")), 0) };
        all.push(link);
    }
    all
}

fn is_directory(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Directory
            | Kind::Tmpfs
            | Kind::NoexecTmpfs
            | Kind::OptionTmpfs(_)
            | Kind::Many(_)
            | Kind::Deep(_)
            | Kind::Linked(_)
            | Kind::Odd
    )
}

fn make(node: &Node, sources: &Sources, handles: &BTreeMap<String, rustix::fd::OwnedFd>) -> Try<()> {
    let path = format!("{ROOT}{}", node.path);
    let path = path.as_str();
    // A later entry replaces an earlier one.
    if !is_directory(&node.kind)
        && !matches!(node.kind, Kind::Bind(_) | Kind::HostBind(_))
        && fs::symlink_metadata(path).is_ok()
    {
        fs::remove_file(path).map_err(because("unlink"))?;
    }
    let directory = || fs::create_dir_all(path).map_err(because("mkdir"));
    let mount_point = |from: &str| {
        if Path::new(from).is_dir() { directory() } else { File::create(path).map(drop).map_err(because("create")) }
    };
    let bind =
        |from: &str| mount(Some(from), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(because("mount"));
    match &node.kind {
        Kind::Directory => directory()?,
        Kind::File(content) => {
            let bytes = match content {
                Content::Bytes(bytes) => bytes.clone(),
                Content::Repeat(byte, count) => vec![*byte; *count],
                Content::Init => sources.init.clone(),
                Content::Witness => sources.witness.clone(),
            };
            File::create(path).and_then(|mut file| file.write_all(&bytes)).map_err(because("write"))?;
        }
        Kind::Symlink(target) => symlink(target, path).map_err(because("symlink"))?,
        Kind::HardLink(other) => fs::hard_link(format!("{ROOT}{other}"), path).map_err(because("link"))?,
        Kind::Fifo => mkfifo(path, Mode::empty()).map_err(because("mkfifo"))?,
        Kind::Socket => drop(UnixListener::bind(path).map_err(because("bind"))?),
        Kind::Device => mknod(path, SFlag::S_IFCHR, Mode::empty(), 0).map_err(because("mknod"))?,
        Kind::Many(count) => crowd::many(path, *count, node.owner)?,
        Kind::Deep(levels) => crowd::deep(path, *levels, node.owner)?,
        Kind::Linked(count) => crowd::linked(path, *count, node.owner)?,
        Kind::Odd => crowd::odd(path, node.owner)?,
        Kind::Tmpfs | Kind::NoexecTmpfs | Kind::OptionTmpfs(_) => {
            directory()?;
            let noexec = if matches!(node.kind, Kind::Tmpfs) { MsFlags::empty() } else { MsFlags::MS_NOEXEC };
            let options = if let Kind::OptionTmpfs(options) = &node.kind { options } else { "mode=0755" };
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | noexec;
            mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options)).map_err(because("mount"))?;
        }
        Kind::Bind(from) => {
            let from = format!("{ROOT}{from}");
            mount_point(&from)?;
            bind(&from)?;
        }
        Kind::HostBind(_) => {
            let handle = handles.get(&node.path).ok_or("no handle")?;
            let from = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(handle));
            mount_point(&from)?;
            return bind(&from);
        }
    }
    attributes(node, path)
}

/// Sets owner, mode, file capabilities and access list.
fn attributes(node: &Node, path: &str) -> Try<()> {
    if matches!(node.kind, Kind::Symlink(_)) {
        std::os::unix::fs::lchown(path, Some(node.owner.0), Some(node.owner.1)).map_err(because("lchown"))?;
    } else if !matches!(node.kind, Kind::Bind(_) | Kind::HardLink(_)) {
        std::os::unix::fs::chown(
            path,
            Some(Uid::from_raw(node.owner.0).as_raw()),
            Some(Gid::from_raw(node.owner.1).as_raw()),
        )
        .map_err(because("chown"))?;
        set_mode(path, node.mode.unwrap_or(if is_directory(&node.kind) { 0o755 } else { 0o644 }))?;
    }
    if let Some((permitted, effective)) = node.capabilities {
        let halves = [(permitted & 0xffff_ffff) as u32, 0, (permitted >> 32) as u32, 0];
        // VFS_CAP_REVISION_2, to which the kernel adds the namespace's root.
        let words = [0x0200_0000 | u32::from(effective)].into_iter().chain(halves);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        rustix::fs::setxattr(path, "security.capability", &bytes, XattrFlags::empty()).map_err(because("setxattr"))?;
    }
    if !node.access_list.is_empty() {
        rustix::fs::setxattr(path, "system.posix_acl_access", &node.access_list, XattrFlags::empty())
            .map_err(because("setxattr of an access list"))?;
    }
    Ok(())
}

/// Every file of the tree except devices, by its path in the container.
pub fn snapshot() -> Try<BTreeMap<String, Facts>> {
    let mut all = BTreeMap::new();
    look(Path::new(ROOT), &mut all)?;
    Ok(all)
}

fn look(directory: &Path, all: &mut BTreeMap<String, Facts>) -> Try<()> {
    // Listed before descending: otherwise a deep tree would need a descriptor for each level.
    let entries: Vec<_> = fs::read_dir(directory).map_err(because(directory.display()))?.collect();
    for entry in entries {
        let path = entry.map_err(because(directory.display()))?.path();
        let shown = path.display().to_string().trim_start_matches(ROOT).to_owned();
        if shown == "/dev" {
            continue;
        }
        let facts = fs::symlink_metadata(&path).map_err(because(path.display()))?;
        all.insert(
            shown,
            Facts {
                uid: facts.uid(),
                gid: facts.gid(),
                mode: facts.mode() & 0o7777,
                links: facts.nlink(),
                size: if facts.is_dir() { 0 } else { i64::try_from(facts.size()).unwrap_or(-1) },
                changed: (facts.ctime(), facts.ctime_nsec()),
            },
        );
        if facts.is_dir() {
            look(&path, all)?;
        }
    }
    Ok(())
}

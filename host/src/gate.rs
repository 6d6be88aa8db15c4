//! The gate's command line: the unit's own, with a closed list of differences.
//!
//! Everything else is kept unchanged: user, capabilities, read-only root, tmpfs, limits, secrets, environment. Flags
//! that would affect the serving container, its ports, its network or its data are removed.

use std::{collections::BTreeMap, path::Path};

use crate::{
    argv::{Flag, RunLine},
    config::Mode,
};

/// The label that gate containers carry, so that the next start can remove one that was left behind.
pub(crate) const LABEL: &str = "stepdown.gate";

/// Flags that a gate container does not get.
/// Names, files and ports belong to the serving container. Labels route proxies and update timers to it. Health timers
/// would outlive a gate that is killed; `/init` asks for health itself in a boot check.
const LEFT_OUT: &[&str] = &[
    "--name",
    "--replace",
    "--detach",
    "--tty",
    "--attach",
    "--detach-keys",
    "--cidfile",
    "--conmon-pidfile",
    "--pidfile",
    "--pod",
    "--pod-id-file",
    "--publish",
    "--publish-all",
    "--network-alias",
    "--ip",
    "--ip6",
    "--mac-address",
    "--label",
    "--label-file",
    "--annotation",
    "--sdnotify",
    "--restart",
    "--pull",
    "--rm",
    "--rmi",
    "--log-driver",
    "--log-opt",
    "--no-healthcheck",
];

/// Flags that a gate container gets as they are, or changed by `gated`. One that is in neither list is refused, as
/// are those that would give it the data of another container (`--volumes-from`) or depend on it (`--requires`).
const KEPT: &str = "\
    --add-host --arch --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cert-dir --cgroup-conf \
    --cgroup-parent --cgroupns --cgroups --chrootdirs --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime \
    --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --device-cgroup-rule --device-read-bps \
    --device-read-iops --device-write-bps --device-write-iops --disable-content-trust --dns --dns-option \
    --dns-search --entrypoint --env --env-file --env-host --env-merge --expose --gidmap --gpus --group-add \
    --group-entry --hostname --hosts-file --hostuser --http-proxy --image-volume --init --init-path --interactive \
    --ipc --memory --memory-reservation --memory-swap --memory-swappiness --mount --network --no-hostname --no-hosts \
    --oom-kill-disable --oom-score-adj --os --passwd --passwd-entry --personality --pid --pids-limit --platform \
    --privileged --quiet --rdt-class --read-only --read-only-tmpfs --retry --retry-delay --seccomp-policy --secret \
    --security-opt --shm-size --shm-size-systemd --sig-proxy --stop-signal --stop-timeout --subgidname --subuidname \
    --sysctl --systemd --timeout --tls-verify --tmpfs --tz --uidmap --ulimit --umask --unsetenv --unsetenv-all \
    --user --userns --uts --variant --volume --workdir";
/// Options of a network that belong to the serving container, and pasta's options that publish the ports of the next
/// word.
const ADDRESSES: &[&str] = &["ip=", "ip6=", "mac=", "alias=", "host_interface_name="];
const PUBLISHES: &[&str] = &["-t", "--tcp-ports", "-u", "--udp-ports"];
/// The flags of a namespace, which may be that of another container.
const NAMESPACES: &[&str] = &["--cgroupns", "--ipc", "--pid", "--userns", "--uts"];

/// The command that checks `image` under the flags of `line`.
pub(crate) fn gate_line(
    line: &RunLine,
    app: &str,
    unit: &str,
    image: &str,
    mode: Mode,
    env: &BTreeMap<String, String>,
) -> Result<RunLine, String> {
    let mut flags = vec![
        Flag::new("--name", Some(&container_name(app, unit))),
        Flag::new("--label", Some(&format!("{LABEL}={app}"))),
        Flag::new("--rm", None),
        Flag::new("--pull", Some("never")),
        Flag::new("--sdnotify", Some("ignore")),
        Flag::new("--log-driver", Some("none")),
        Flag::new("--no-healthcheck", None),
    ];
    for flag in &line.flags {
        let name = flag.name.as_str();
        if LEFT_OUT.contains(&name) || name.starts_with("--health-") {
            continue;
        }
        let shared = NAMESPACES.contains(&name) && flag.value.as_deref().is_some_and(is_anothers);
        if shared || !KEPT.split(' ').any(|kept| kept == name) {
            return Err(format!("it has {name}, which a gate cannot have beside the serving container"));
        }
        flags.extend(gated(flag)?);
    }
    flags.extend(env.iter().map(|(name, value)| Flag::new("--env", Some(&format!("{name}={value}")))));
    flags.push(Flag::new("--env", Some(if mode == Mode::Init { "BOOT_CHECK_ONLY=init" } else { "BOOT_CHECK_ONLY=1" })));
    Ok(RunLine { podman: line.podman.clone(), flags, image: image.to_owned(), command: line.command.clone() })
}

/// Replaces the characters of a unit's name that a container's name cannot contain.
fn container_name(app: &str, unit: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    format!("stepdown-gate-{app}-{}", unit.chars().map(letter).collect::<String>())
}

fn gated(flag: &Flag) -> Result<Option<Flag>, String> {
    let value = flag.value.as_deref().unwrap_or_default();
    match flag.name.as_str() {
        "--network" => Ok(network(value)),
        "--volume" => Ok(Some(Flag::new("--volume", Some(&volume(value))))),
        "--mount" => mount(value).map(Some),
        _ => Ok(Some(flag.clone())),
    }
}

fn is_anothers(namespace: &str) -> bool {
    namespace.starts_with("container:") || namespace.starts_with("ns:")
}

/// Never the network of the host or of another container, and never the serving container's address.
fn network(value: &str) -> Option<Flag> {
    let (name, options) = value.split_once(':').map_or((value, None), |(name, options)| (name, Some(options)));
    if matches!(name, "host" | "container" | "ns") {
        return None;
    }
    let mut options = options.unwrap_or_default().split(',').filter(|option| !option.is_empty());
    let mut kept: Vec<&str> = Vec::new();
    while let Some(option) = options.next() {
        if name == "pasta" && PUBLISHES.contains(&option) {
            options.next();
        } else if !ADDRESSES.iter().any(|prefix| option.starts_with(prefix)) {
            kept.push(option);
        }
    }
    let value = if kept.is_empty() { name.to_owned() } else { format!("{name}:{}", kept.join(",")) };
    Some(Flag::new("--network", Some(&value)))
}

/// `SOURCE:TARGET[:OPTIONS]` as an overlay that is removed afterwards. A read-only volume stays read-only. SELinux
/// labels are not changed, since the serving container would lose access to the data.
fn volume(value: &str) -> String {
    let mut parts = value.splitn(3, ':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else { return value.to_owned() };
    let options: Vec<&str> = parts.next().unwrap_or_default().split(',').filter(|o| !o.is_empty()).collect();
    let kept = |wanted: &[&str]| -> Vec<&str> { options.iter().copied().filter(|o| wanted.contains(o)).collect() };
    let mut options_of_gate = kept(&["noexec", "exec", "nodev", "nosuid"]);
    if options.contains(&"ro") || is_no_directory(source) {
        options_of_gate.insert(0, "ro");
    } else {
        options_of_gate = vec!["O"];
    }
    format!("{source}:{target}:{}", options_of_gate.join(","))
}

/// A file, a socket or a device cannot be the lower layer of an overlay. A name without a slash is a volume's.
fn is_no_directory(source: &str) -> bool {
    source.starts_with('/') && Path::new(source).metadata().is_ok_and(|found| !found.is_dir())
}

fn mount(value: &str) -> Result<Flag, String> {
    let fields: BTreeMap<&str, &str> =
        value.split(',').map(|field| field.split_once('=').unwrap_or((field, "true"))).collect();
    let field = |names: &[&str]| names.iter().find_map(|name| fields.get(name).copied());
    let read_only = field(&["ro", "readonly"]).is_some_and(|value| value != "false");
    match fields.get("type").copied().unwrap_or("volume") {
        "tmpfs" | "ramfs" | "devpts" | "image" | "artifact" => Ok(Flag::new("--mount", Some(value))),
        "bind" | "volume" => {
            let target = field(&["target", "dst", "destination"]).ok_or("it has a --mount without a target")?;
            match field(&["source", "src"]) {
                Some(source) => {
                    let options = if read_only { "ro" } else { "rw" };
                    Ok(Flag::new("--volume", Some(&volume(&format!("{source}:{target}:{options}")))))
                }
                None => Ok(Flag::new("--volume", Some(target))),
            }
        }
        other => Err(format!("it has a --mount of type {other}, which a gate cannot lay an overlay over")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(line: &str) -> Result<Vec<String>, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let env = BTreeMap::from([("URL".to_owned(), "postgres://gate".to_owned())]);
        gate_line(&RunLine::parse(&words).unwrap(), "app", "web", "r/app@sha256:1", Mode::Full, &env)
            .map(|line| line.words())
    }

    const FIXED: &[&str] = &[
        "podman",
        "run",
        "--name=stepdown-gate-app-web",
        "--label=stepdown.gate=app",
        "--rm",
        "--pull=never",
        "--sdnotify=ignore",
        "--log-driver=none",
        "--no-healthcheck",
    ];

    fn kept(line: &str) -> Vec<String> {
        let words = gate(line).unwrap();
        assert_eq!(words.get(..FIXED.len()).unwrap(), FIXED);
        let end = words.iter().position(|word| word == "--env=URL=postgres://gate").unwrap();
        assert_eq!(words.get(end + 1).unwrap(), "--env=BOOT_CHECK_ONLY=1");
        assert_eq!(words.get(end + 2).unwrap(), "r/app@sha256:1");
        words.get(FIXED.len()..end).unwrap().to_vec()
    }

    #[test]
    fn confinement_and_environment_are_kept() {
        let flags = "--cgroups=split --stop-timeout=10 --tmpfs=/tmp:rw,size=64m --security-opt=no-new-privileges \
                     --cap-drop=all --cap-add=chown --read-only --user=0:0 --env=ROLE=web --secret=db --memory=1g";
        assert_eq!(
            kept(&format!("podman run {flags} img")),
            flags.split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn names_ports_and_labels_of_the_serving_container_are_removed() {
        let line = "podman run --name web --replace -d -t --cidfile=/run/web.cid --publish 80:80 -P --pod p \
                    --label a=b --health-cmd x --sdnotify=healthy --pull never --ip 10.0.0.2 --network-alias web \
                    --restart=always img"
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(kept(&line), Vec::<String>::new());
    }

    #[test]
    fn network_of_the_host_or_of_a_container_is_removed() {
        assert_eq!(kept("podman run --network=host img"), Vec::<String>::new());
        assert_eq!(kept("podman run --net container:web img"), Vec::<String>::new());
        assert_eq!(kept("podman run --network app:ip=10.0.0.2,mtu=1400 img"), ["--network=app:mtu=1400"]);
        assert_eq!(kept("podman run --network=none img"), ["--network=none"]);
        assert_eq!(kept("podman run --network=pasta:-t,80,--mtu,1400,-u,53 img"), ["--network=pasta:--mtu,1400"]);
    }

    #[test]
    fn unknown_flag_and_namespace_of_a_container_are_refused() {
        assert_eq!(kept("podman run --pid=host --ipc private img"), ["--pid=host", "--ipc=private"]);
        for flag in ["--volumes-from=", "--rootfs=", "--requires=", "--new=", "--pid=container:", "--ipc=ns:"] {
            let reason = gate(&format!("podman run {flag}web img")).unwrap_err();
            assert!(reason.ends_with(", which a gate cannot have beside the serving container"), "{reason}");
        }
    }

    #[test]
    fn instance_gets_a_valid_container_name() {
        assert_eq!(container_name("app", "web@2:a"), "stepdown-gate-app-web-2-a");
    }

    #[test]
    fn volumes_become_overlays() {
        assert_eq!(kept("podman run -v data:/data:Z,U img"), ["--volume=data:/data:O"]);
        assert_eq!(kept("podman run -v /srv:/srv img"), ["--volume=/srv:/srv:O"]);
        assert_eq!(kept("podman run -v /etc/x:/x:ro,z img"), ["--volume=/etc/x:/x:ro"]);
        assert_eq!(kept("podman run -v /dev/null:/n:rw img"), ["--volume=/dev/null:/n:ro"]);
        assert_eq!(kept("podman run --mount type=bind,src=/a,dst=/b img"), ["--volume=/a:/b:O"]);
        assert_eq!(kept("podman run --mount type=tmpfs,dst=/b img"), ["--mount=type=tmpfs,dst=/b"]);
        assert!(gate("podman run --mount type=glob,src=/a*,dst=/b img").is_err());
    }
}

//! The tables of the configuration: which keys each has, and which it must have.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use toml_spanner::{Arena, Table};

use super::toml::{Item, Source, items, refuse};
use super::{
    At, BootCheck, Config, Directory, Health, Limits, Probe, Requirement, Role, Scope, Step, Supervise, Tmpfs, Volume,
    values,
};
use crate::error::{Place, Result, TextFile};

const TOP: [&str; 20] = [
    "user",
    "groups",
    "home",
    "umask",
    "workdir",
    "image",
    "keep_capabilities",
    "role",
    "tmpfs",
    "volume",
    "directory",
    "require",
    "root_step",
    "step",
    "env",
    "secrets",
    "limits",
    "boot_check",
    "supervise",
    "roles",
];

/// Decodes a configuration file's text.
///
/// # Errors
/// [`crate::error::Error::Config`] with file, line and column.
pub fn decode(file: &Rc<TextFile>) -> Result<Config> {
    let source = Source(file);
    let arena = Arena::new();
    let document = source.parse(&arena)?;
    let mut config = Config::default();
    for item in items(source, "", document.table()) {
        match item.key {
            "image" => config.image = Some(item.string()?),
            "user" => config.user = Some(item.string()?),
            "groups" => config.groups = Some(item.strings()?),
            "home" => config.home = Some(item.parsed(home)?.value),
            "umask" => config.umask = Some(item.parsed(values::umask)?.value),
            "workdir" => config.workdir = Some(item.parsed(home)?.value),
            "keep_capabilities" => config.keep_capabilities = item.strings()?,
            "role" => selection(source, item.table()?, &mut config)?,
            "tmpfs" => config.tmpfs = each(&item, |table, place| tmpfs(source, table, place))?,
            "volume" => config.volumes = each(&item, |table, place| volume(source, table, place))?,
            "directory" => config.directories = each(&item, |table, place| directory(source, table, place))?,
            "require" => config.requirements = each(&item, |table, place| requirement(source, table, place))?,
            "root_step" => config.root_steps = each(&item, |table, place| step(source, table, place, true))?,
            "step" => config.steps = each(&item, |table, place| step(source, table, place, false))?,
            "env" => config.env = item.variables()?,
            "secrets" => config.secrets = item.variables()?,
            "limits" => config.limits = limits(source, item.table()?)?,
            "boot_check" => config.boot_check = boot_check(source, item.table()?)?,
            "supervise" => config.supervise = supervise(source, item.table()?)?,
            "roles" => config.roles = item.listed(role_name, |item| role(source, item))?,
            _ => return Err(item.unknown(&TOP)),
        }
    }
    check_roles(&config)?;
    check_paths(&config)?;
    Ok(config)
}

/// Every role that is referred to exists: a mistyped one would silently leave its entry out.
fn check_roles(config: &Config) -> Result<()> {
    let scopes = (config.tmpfs.iter().map(|entry| &entry.scope))
        .chain(config.volumes.iter().map(|entry| &entry.scope))
        .chain(config.directories.iter().map(|entry| &entry.scope))
        .chain(config.requirements.iter().map(|entry| &entry.scope))
        .chain(config.root_steps.iter().chain(&config.steps).map(|entry| &entry.scope));
    let named = scopes.flat_map(|scope| scope.roles.iter().flatten()).chain(&config.default_role);
    let mut known = None;
    for role in named {
        let known = known.get_or_insert_with(|| config.role_names());
        if known.binary_search(&role.value.as_str()).is_err() {
            let allowed = format!("one of: {}", known.join(", "));
            return Err(refuse(role.place.clone(), format!("no role '{}' in [roles]", role.value), &allowed));
        }
    }
    Ok(())
}

/// A path is handed over by one entry: two would contradict each other. Entries for different roles may share one.
fn check_paths(config: &Config) -> Result<()> {
    let paths = (config.tmpfs.iter().map(|entry| (&entry.path, &entry.scope)))
        .chain(config.volumes.iter().map(|entry| (&entry.path, &entry.scope)));
    let mut seen: BTreeMap<&str, &Scope> = BTreeMap::new();
    for (path, scope) in paths {
        if seen.insert(&path.value, scope).is_some_and(|before| before.roles.is_none() || scope.roles.is_none()) {
            return Err(refuse(
                path.place.clone(),
                format!("path: '{}' is listed twice", path.value),
                "keep one of the entries",
            ));
        }
    }
    Ok(())
}

fn each<'a, T>(item: &Item<'a>, decode: impl Fn(&'a Table<'a>, Place) -> Result<T>) -> Result<Vec<T>> {
    item.tables()?.into_iter().map(|(table, place)| decode(table, place)).collect()
}

/// The refusal of an entry that lacks a key.
fn needed<T>(value: Option<T>, entry: &str, key: &str, place: &Place) -> Result<T> {
    value.ok_or_else(|| refuse(place.clone(), format!("{entry} without {key}"), &format!("add {key} = …")))
}

/// A home or working directory: absolute, and the root directory is allowed.
fn home(text: &str) -> std::result::Result<String, String> {
    if text == "/" { Ok(text.to_owned()) } else { values::path(text) }
}

fn role_name(text: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is not the name of a role: letters, digits, - _ ."))
    }
}

fn selection<'a>(source: Source<'a>, table: &'a Table<'a>, config: &mut Config) -> Result<()> {
    for item in items(source, "[role]", table) {
        match item.key {
            "env" => config.role_variable = item.parsed(values::variable)?.value,
            "default" => config.default_role = Some(item.string()?),
            _ => return Err(item.unknown(&["env", "default"])),
        }
    }
    Ok(())
}

/// Takes `roles`, `when` and `unless`, which every entry has; says whether the key was one of them.
fn scoped(item: &Item<'_>, scope: &mut Scope) -> Result<bool> {
    match item.key {
        "roles" => scope.roles = Some(item.strings()?),
        "when" => scope.when = plain(item.variables()?),
        "unless" => scope.unless = plain(item.variables()?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn plain(variables: BTreeMap<String, At<String>>) -> BTreeMap<String, String> {
    variables.into_iter().map(|(name, at)| (name, at.value)).collect()
}

fn tmpfs<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Tmpfs> {
    let (mut path, mut mode, mut size, mut scope) = (None, 0o755, None, Scope::default());
    for item in items(source, "[[tmpfs]]", table) {
        match item.key {
            "path" => path = Some(item.parsed(values::path)?),
            "mode" => mode = item.parsed(values::mode)?.value,
            "size" => size = Some(item.parsed(values::size)?.value),
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown(&["path", "mode", "size", "roles", "when", "unless"])),
        }
    }
    Ok(Tmpfs { path: needed(path, "[[tmpfs]]", "path", &place)?, mode, size, scope })
}

fn volume<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Volume> {
    let (mut path, mut recursive, mut scope) = (None, false, Scope::default());
    for item in items(source, "[[volume]]", table) {
        match item.key {
            "path" => path = Some(item.parsed(values::path)?),
            "recursive" => recursive = item.boolean()?.value,
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown(&["path", "recursive", "roles", "when", "unless"])),
        }
    }
    Ok(Volume { path: needed(path, "[[volume]]", "path", &place)?, recursive, scope })
}

fn directory<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Directory> {
    let (mut path, mut mode, mut scope) = (None, 0o755, Scope::default());
    for item in items(source, "[[directory]]", table) {
        match item.key {
            "path" => path = Some(item.string()?),
            "mode" => mode = item.parsed(values::mode)?.value,
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown(&["path", "mode", "roles", "when", "unless"])),
        }
    }
    Ok(Directory { path: needed(path, "[[directory]]", "path", &place)?, mode, scope })
}

fn requirement<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place) -> Result<Requirement> {
    let (mut env, mut hint, mut scope) = (None, None, Scope::default());
    for item in items(source, "[[require]]", table) {
        match item.key {
            "env" => env = Some(item.parsed(values::variable)?.value),
            "hint" => hint = Some(item.string()?.value),
            _ if scoped(&item, &mut scope)? => {}
            _ => return Err(item.unknown(&["env", "hint", "roles", "when", "unless"])),
        }
    }
    Ok(Requirement { env: needed(env, "[[require]]", "env", &place)?, hint, scope })
}

fn step<'a>(source: Source<'a>, table: &'a Table<'a>, place: Place, root: bool) -> Result<Step> {
    let entry = if root { "[[root_step]]" } else { "[[step]]" };
    let (mut name, mut command, mut capabilities, mut timeout, mut scope) =
        (None, None, Vec::new(), None, Scope::default());
    for item in items(source, entry, table) {
        match item.key {
            "name" => name = Some(item.string()?),
            "command" => command = Some(item.command()?),
            "capabilities" if root => capabilities = item.strings()?,
            "timeout" => timeout = Some(item.duration()?),
            _ if scoped(&item, &mut scope)? => {}
            _ if root => {
                return Err(item.unknown(&["name", "command", "capabilities", "timeout", "roles", "when", "unless"]));
            }
            _ => return Err(item.unknown(&["name", "command", "timeout", "roles", "when", "unless"])),
        }
    }
    let command = needed(command, entry, "command", &place)?;
    Ok(Step { name: needed(name, entry, "name", &place)?, command, capabilities, timeout, scope })
}

fn limits<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<Limits> {
    let mut limits = Limits::default();
    for item in items(source, "[limits]", table) {
        match item.key {
            "pids" => limits.pids = Some(item.integer(1, 4_194_304)?.value.unsigned_abs()),
            "memory" => limits.memory = Some(item.parsed(values::size)?.value),
            _ => return Err(item.unknown(&["pids", "memory"])),
        }
    }
    Ok(limits)
}

fn boot_check<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<BootCheck> {
    let mut check = BootCheck::default();
    for item in items(source, "[boot_check]", table) {
        match item.key {
            "timeout" => check.timeout = item.duration()?,
            "grace" => check.grace = item.duration()?,
            "settle" => check.settle = item.duration()?,
            "require_read_only_root" => check.require_read_only_root = item.boolean()?.value,
            _ => return Err(item.unknown(&["timeout", "grace", "settle", "require_read_only_root"])),
        }
    }
    Ok(check)
}

fn supervise<'a>(source: Source<'a>, table: &'a Table<'a>) -> Result<Supervise> {
    let mut supervise = Supervise::default();
    for item in items(source, "[supervise]", table) {
        match item.key {
            "grace" => supervise.grace = item.duration()?,
            "signals" => supervise.signals = item.named(|name| Ok(name.to_owned()), Item::string)?,
            "group" => supervise.group = item.boolean()?.value,
            "exit_codes" => supervise.exit_codes = item.named(exit_code, |item| item.integer(0, 255))?,
            _ => return Err(item.unknown(&["grace", "signals", "group", "exit_codes"])),
        }
    }
    Ok(supervise)
}

fn exit_code(text: &str) -> std::result::Result<String, String> {
    match text.parse::<u8>() {
        Ok(code) if code.to_string() == text => Ok(text.to_owned()),
        _ => Err(format!("'{text}' is not an exit code from 0 to 255")),
    }
}

fn role<'a>(source: Source<'a>, role: &Item<'a>) -> Result<Role> {
    let mut decoded = Role { place: role.place(), command: None, supervise: None, env: BTreeMap::new(), health: None };
    for item in items(source, "a role", role.table()?) {
        match item.key {
            "command" => decoded.command = Some(item.command()?),
            "supervise" => decoded.supervise = Some(item.boolean()?),
            "env" => decoded.env = item.variables()?,
            "health" => decoded.health = Some(Box::new(health(source, &item)?)),
            _ => return Err(item.unknown(&["command", "supervise", "env", "health"])),
        }
    }
    Ok(decoded)
}

fn health<'a>(source: Source<'a>, health: &Item<'a>) -> Result<Health> {
    const KNOWN: [&str; 8] = ["http", "tcp", "exec", "file", "status", "headers", "max_age", "timeout"];
    let (mut probes, mut timeout) = (Vec::new(), Duration::from_secs(5));
    let (mut status, mut headers, mut max_age) = (None, None, None);
    for item in items(source, "health", health.table()?) {
        match item.key {
            "http" => probes.push(Probe::Http { url: item.string()?, status: 200, headers: BTreeMap::new() }),
            "tcp" => probes.push(Probe::Tcp(item.string()?)),
            "exec" => probes.push(Probe::Exec(item.command()?)),
            "file" => probes.push(Probe::File { path: item.string()?, max_age: None }),
            "status" => status = Some(item.integer(100, 599)?),
            "headers" => headers = Some(item.named(|name| Ok(name.to_owned()), Item::string)?),
            "max_age" => max_age = Some(item.duration()?),
            "timeout" => timeout = item.duration()?,
            _ => return Err(item.unknown(&KNOWN)),
        }
    }
    let one = (probes.len() == 1).then(|| probes.pop()).flatten();
    let Some(mut probe) = one else {
        return Err(health.refuse("not exactly one check".into(), "one of http, tcp, exec and file"));
    };
    let (mut http_only, mut file_only) = (status.is_some() || headers.is_some(), max_age.is_some());
    match &mut probe {
        Probe::Http { status: want, headers: send, .. } => {
            http_only = false;
            *want = status.and_then(|at| u16::try_from(at.value).ok()).unwrap_or(200);
            *send = headers.unwrap_or_default();
        }
        Probe::File { max_age: most, .. } => {
            file_only = false;
            *most = max_age;
        }
        Probe::Tcp(_) | Probe::Exec(_) => {}
    }
    if http_only || file_only {
        return Err(health.refuse(
            "a key that its check does not have".into(),
            "status and headers go with http, max_age with file",
        ));
    }
    Ok(Health { probe, timeout })
}

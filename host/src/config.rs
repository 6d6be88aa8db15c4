//! The configuration `~/.config/stepdown/APP.toml`: the image, its units, verification, gate and cutover.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::Ipv6Addr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    failure::{Context, Failure},
    span::Span,
};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "stepdown: the configuration of an app")]
pub(crate) struct Config {
    /// The image's repository, without a tag: `registry.example/app`.
    pub(crate) image: String,
    /// The systemd units, in the order of cutover; they are rolled back in reverse.
    pub(crate) units: Vec<String>,
    pub(crate) verify: Verify,
    /// Units that differ from what the new image renders: `warn` (the default) or `refuse`.
    #[serde(default)]
    pub(crate) drift: Drift,
    #[serde(default)]
    pub(crate) gate: Gate,
    #[serde(default)]
    pub(crate) cutover: Cutover,
    #[serde(default)]
    pub(crate) retire: Retire,
    pub(crate) spool: Option<Spool>,
}

/// `[verify]`: one of `key` and `policy`; or `verify = "none"`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Verify {
    /// Only `"none"`.
    None(String),
    Table(VerifyTable),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyTable {
    /// cosign's public key. Root must own it, and the user that deploys cannot write to it.
    pub(crate) key: Option<PathBuf>,
    /// /etc/containers/policy.json decides at the pull.
    pub(crate) policy: Option<bool>,
    identity: Option<String>,
    issuer: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gate {
    /// Per unit: `full` (the default), `init` or `off`.
    pub(crate) mode: BTreeMap<String, Mode>,
    /// Variables that replace those of the unit in the gate.
    pub(crate) env: BTreeMap<String, String>,
    /// Runs once, after the gate and before the cutover; `{image}` is the image by its digest.
    pub(crate) pre: Vec<String>,
    /// Gates that run at the same time. Default: one for each processor, or one where the memory is short.
    pub(crate) at_once: Option<NonZeroUsize>,
    /// For each unit's check, and for `pre`.
    #[schemars(with = "Span")]
    pub(crate) timeout: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Full,
    Init,
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Drift {
    #[default]
    Warn,
    Refuse,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cutover {
    /// How long health is watched after the cutover. Default: the longest start period and three intervals.
    pub(crate) soak: Option<Span>,
    /// For each unit's restart, until it is healthy.
    #[schemars(with = "Span")]
    pub(crate) timeout: Span,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retire {
    /// How many images that served before stay for a rollback.
    pub(crate) keep: usize,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spool {
    /// The directory that CI hands its requests over in; `%h` is the home directory.
    pub(crate) dir: String,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            mode: BTreeMap::new(),
            env: BTreeMap::new(),
            pre: Vec::new(),
            at_once: None,
            timeout: Span::seconds(180),
        }
    }
}

impl Default for Cutover {
    fn default() -> Self {
        Self { soak: None, timeout: Span::seconds(120) }
    }
}

impl Default for Retire {
    fn default() -> Self {
        Self { keep: 2 }
    }
}

impl<'de> Deserialize<'de> for Verify {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Verify;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"none\", or a table with key or policy")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Verify, E> {
                if word == "none" { Ok(Verify::None(word.to_owned())) } else { Err(E::custom("allowed: \"none\"")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Verify, A::Error> {
                VerifyTable::deserialize(MapAccessDeserializer::new(map)).map(Verify::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::configuration(format!("read {name}"), error.to_string())
                .fix(format!("stepdown install prints an example; write it to {name}"))
        })?;
        Self::parse(&name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(name.to_owned(), |span| format!("{name}:{}", position(text, span.start)));
            Failure::configuration(place, error.message().replace('\n', " "))
                .fix("correct this line; stepdown schema prints what is allowed")
                .at(name, text, error.span())
        })?;
        match config.wrong() {
            Some((reason, fix)) => Err(Failure::configuration(name, reason).fix(fix)),
            None => Ok(config),
        }
    }

    fn wrong(&self) -> Option<(String, &'static str)> {
        let known = |unit: &String| self.units.contains(unit);
        if !is_repository(&self.image) {
            return Some((
                format!("image {:?} is not REGISTRY/REPOSITORY", self.image),
                "write the registry's host too, and leave out tag and digest: registry.example/team/app",
            ));
        }
        if self.units.is_empty() {
            return Some(("units is empty".to_owned(), "name the units of the app in the order of cutover"));
        }
        if let Some(unit) = self.units.iter().find(|unit| !is_unit(unit)) {
            return Some((
                format!("unit {unit:?} is not a service's name"),
                "write web for web.service, and web@1 for an instance of web@.service",
            ));
        }
        if let Some((_, unit)) =
            self.units.iter().enumerate().find(|(at, unit)| self.units.iter().take(*at).any(|one| one == *unit))
        {
            return Some((format!("unit {unit:?} is named twice"), "name each unit once"));
        }
        if let Some(unit) = self.gate.mode.keys().find(|unit| !known(unit)) {
            return Some((format!("[gate] mode names {unit:?}, which is not in units"), "name a unit of the app"));
        }
        if let Some(name) = self.gate.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Some((format!("[gate] env: {name:?} is not a variable's name"), "write NAME = \"value\""));
        }
        self.verify.wrong()
    }

    pub(crate) fn mode(&self, unit: &str) -> Mode {
        self.gate.mode.get(unit).copied().unwrap_or(Mode::Full)
    }
}

impl Verify {
    fn wrong(&self) -> Option<(String, &'static str)> {
        let Self::Table(table) = self else { return None };
        if table.identity.is_some() || table.issuer.is_some() {
            let reason = "[verify] identity and issuer: keyless verification needs the trust root of a Sigstore \
                          instance, which this version does not check";
            return Some((reason.to_owned(), "sign with a key and name it by key, or set policy = true"));
        }
        match (&table.key, table.policy) {
            (Some(key), None) if key.is_absolute() => None,
            (Some(_), None) => Some(("[verify] key is not an absolute path".to_owned(), "begin it with /")),
            (None, Some(true)) => None,
            _ => Some((
                "[verify] needs exactly one of key and policy = true".to_owned(),
                "keep one of them, or write verify = \"none\" above the first table",
            )),
        }
    }
}

/// The spool's directory in a configuration that may be wrong elsewhere.
pub(crate) fn spool_in(text: &str) -> Option<String> {
    // An array without its end would contain the table, so only the text from its header on is parsed.
    let start = text
        .match_indices("[spool]")
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with('\n')));
    let (table, _) = toml::de::DeTable::parse_recoverable(text.get(start.unwrap_or(0)..)?);
    let spool = table.get_ref().get("spool")?.get_ref().as_table()?;
    spool.get("dir")?.get_ref().as_str().map(str::to_owned)
}

/// The JSON Schema of the configuration.
pub(crate) fn schema() -> Result<String, Failure> {
    serde_json::to_string_pretty(&schemars::schema_for!(Config)).on("print", "the schema")
}

/// The line and column of a byte offset, counted from 1.
fn position(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("{line}:{column}")
}

/// `registry[:port]/path`: lower case, no tag, no digest, no option. A first part without a dot and a port is no
/// registry: Podman and skopeo would each look for such a short name elsewhere.
fn is_repository(image: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    let Some((registry, path)) = image.split_once('/') else { return false };
    let address = registry.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match address {
        Some((_, "")) => (registry, None),
        Some((_, port)) => (registry, Some(port.strip_prefix(':').unwrap_or(port))),
        None => registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port))),
    };
    let is_host = match address {
        Some((address, _)) => address.parse::<Ipv6Addr>().is_ok(),
        None => part(host) && (host == "localhost" || host.contains('.') || port.is_some()),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok()) && path.split('/').all(part)
}

/// A service without its suffix; an instance of a template has its name after the `@`.
fn is_unit(unit: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    let (template, instance) = unit.split_once('@').unwrap_or((unit, "1"));
    word(template)
        && word(instance)
        && template.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !unit.ends_with(".service")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "image = \"registry.example:5000/team/app\"\nunits = [\"web\"]\n[verify]\nkey = \"/etc/key.pub\"\n";

    fn reason(text: &str) -> String {
        Config::parse("app.toml", text).unwrap_err().line()
    }

    #[test]
    fn small_configuration_has_defaults() {
        let config = Config::parse("app.toml", GOOD).unwrap();
        assert_eq!((config.mode("web"), config.retire.keep), (Mode::Full, 2));
        assert_eq!(config.drift, Drift::Warn);
        assert_eq!(config.cutover.timeout, Span::seconds(120));
    }

    #[test]
    fn example_is_a_configuration() {
        let config = Config::parse("app.toml", include_str!("../../examples/deploy/app.toml")).unwrap();
        assert_eq!((config.units.len(), config.mode("beat")), (4, Mode::Init));
    }

    #[test]
    fn unknown_key_is_refused_with_its_place() {
        assert!(reason(&format!("{GOOD}kee = 1\n")).starts_with("app.toml:5:1: unknown field `kee`"));
        assert!(reason(&GOOD.replace("/etc/key.pub\"", "/etc/key.pub\"\npolicy = 3")).contains("app.toml:5:10"));
    }

    #[test]
    fn drift_is_warned_of_or_refused() {
        assert_eq!(Config::parse("app.toml", &format!("drift = \"refuse\"\n{GOOD}")).unwrap().drift, Drift::Refuse);
        assert!(reason(&format!("drift = \"off\"\n{GOOD}")).contains("expected `warn` or `refuse`"));
    }

    #[test]
    fn tag_or_option_in_the_image_is_refused() {
        let with = |image: &str| GOOD.replace("registry.example:5000/team/app", image);
        for good in ["localhost/app", "registry:5000/app", "[::1]:5000/app", "[2001:db8::1]/team/app"] {
            assert!(Config::parse("app.toml", &with(good)).is_ok(), "{good}");
        }
        for bad in [
            "team/app",
            "[::1/app",
            "[x]:5000/app",
            "[::1]:x/app",
            "app",
            "registry.example/app:v1",
            "registry.example/app@sha256:0",
            "--help/x",
            "r/a b",
            "r/../a",
        ] {
            assert!(reason(&with(bad)).contains("is not REGISTRY/REPOSITORY"), "{bad}");
        }
    }

    #[test]
    fn verification_is_exactly_one_way_or_explicitly_none() {
        let with = |verify: &str| format!("image = \"r.example/app\"\nunits = [\"web\"]\n{verify}\n");
        assert!(reason(&with("")).contains("missing field `verify`"));
        assert!(reason(&with("[verify]")).contains("exactly one"));
        assert!(reason(&with("[verify]\nkey = \"/k\"\npolicy = true")).contains("exactly one"));
        assert!(reason(&with("[verify]\npolicy = false")).contains("exactly one"));
        assert!(reason(&with("[verify]\nidentity = \"x\"\nissuer = \"y\"")).contains("keyless"));
        assert!(reason(&with("verify = \"no\"")).contains("allowed: \"none\""));
        assert!(Config::parse("app.toml", &with("verify = \"none\"")).is_ok());
    }

    #[test]
    fn units_are_names_of_services() {
        assert!(reason(&GOOD.replace("\"web\"", "\"web\", \"web\"")).contains("\"web\" is named twice"));
        assert!(Config::parse("app.toml", &GOOD.replace("\"web\"", "\"web@1\", \"web@2\"")).is_ok());
        for bad in ["", "--now", "web.service", "a/b", "web@", "@1", "web@1@2", "web@1.service"] {
            assert!(reason(&GOOD.replace("\"web\"", &format!("{bad:?}"))).contains("is not a service's name"), "{bad}");
        }
    }
}

//! Verifies an image's signature: with a key, or by the containers policy at the pull.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access};
use serde_json::Value;

use crate::{
    config::{Config, Verify},
    failure::{Context, Failure},
    tool::{self, Output},
};

const LIMIT: Duration = Duration::from_secs(120);
/// The system's policy. The user and its processes could change one in the home directory.
pub(crate) const POLICY: &str = "/etc/containers/policy.json";

/// Verifies `image@digest`, or checks that the pull will. Returns the text of the step's line.
pub(crate) fn verify(config: &Config, digest: &str) -> Result<String, Failure> {
    match &config.verify {
        Verify::None(_) => Ok("not verified: verify = \"none\"".to_owned()),
        Verify::Table(table) => match &table.key {
            Some(key) => by_key(&config.image, digest, key),
            None => policy(&config.image, Some(digest)).map(|()| format!("{POLICY} decides at the pull")),
        },
    }
}

/// The policy that decides at the pull, if the configuration selects it.
pub(crate) fn pull_policy(config: &Config) -> Option<&'static str> {
    matches!(&config.verify, Verify::Table(table) if table.key.is_none()).then_some(POLICY)
}

fn by_key(image: &str, digest: &str, key: &Path) -> Result<String, Failure> {
    // A link on its way may be the user's.
    let key_word = roots_alone(key)?.display().to_string();
    let reference = format!("{image}@{digest}");
    // The transparency log is not used: it is not reachable from every host, and the key is installed by root.
    let argv = ["cosign", "verify", "--key", &key_word, "--insecure-ignore-tlog=true", "--output", "json", &reference];
    let output = tool::run(&argv, LIMIT)?;
    if !output.ok() {
        return Err(Failure::new(format!("verify {reference}"), complaint(&output.err, &output.complaint()))
            .fix(fix(&output, &argv, &key_word)));
    }
    claims(&output.out, image, digest).map_err(|reason| {
        Failure::new(format!("verify {reference}"), reason)
            .fix(format!("sign this digest under this name: cosign sign --key KEY {reference}"))
    })?;
    Ok(format!("signed by the key of {key_word}"))
}

/// cosign ends with the same code for a wrong signature, an unusable key and a registry that does not answer.
fn fix(output: &Output, argv: &[&str], key: &str) -> String {
    let reference = argv.last().copied().unwrap_or_default();
    if output.err.contains("loading public key") {
        return format!("as root, install cosign's public key again: install -m 0644 cosign.pub {key}");
    }
    match output.known_fix() {
        Some(known) => known.to_owned(),
        None if output.timed_out => output.fix(argv),
        None => format!("sign the digest with the key of {key}: cosign sign --key KEY {reference}"),
    }
}

/// cosign's error without its warning about the transparency log.
fn complaint(err: &str, otherwise: &str) -> String {
    let line = err.lines().find_map(|line| line.strip_prefix("Error: "));
    line.map_or(otherwise.to_owned(), tool::quoted)
}

/// The signature must be for this digest and this repository: a signature that was copied from another repository would
/// verify with the same key.
fn claims(json: &str, image: &str, digest: &str) -> Result<(), String> {
    let signatures: Vec<Value> = serde_json::from_str(json.trim()).map_err(|error| format!("cosign: {error}"))?;
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let named: Vec<String> = signatures
        .iter()
        .filter(|one| text(one, "/critical/image/docker-manifest-digest").as_deref() == Some(digest))
        .filter_map(|one| text(one, "/critical/identity/docker-reference"))
        .collect();
    if named.is_empty() {
        return Err("no signature is of this digest".to_owned());
    }
    if named.iter().any(|name| repository(name) == image) {
        return Ok(());
    }
    Err(format!("the signature is for {}", named.join(", ")))
}

fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// The file and every directory on its path must belong to root and not be writable to this user. Returns its path
/// without links.
pub(crate) fn roots_alone(path: &Path) -> Result<PathBuf, Failure> {
    let whole = fs::canonicalize(path).on("find", path.display()).map_err(|failure| match path.exists() {
        true => failure,
        false => failure.fix(format!("as root: install -m 0644 cosign.pub {}", path.display())),
    })?;
    for part in whole.ancestors() {
        let shown = part.display();
        let found = fs::symlink_metadata(part).on("look at", &shown)?;
        if found.uid() != 0 {
            return Err(Failure::new(format!("trust {shown}"), format!("it belongs to uid {}", found.uid()))
                .fix(format!("as root: chown root:root {shown}")));
        }
        if access(part, Access::WRITE_OK).is_ok() {
            return Err(Failure::new(format!("trust {shown}"), "this user can write to it")
                .fix(format!("as root: chmod go-w {shown}")));
        }
    }
    Ok(whole)
}

/// The policy must ask for a signature on this image; otherwise the pull would verify nothing.
pub(crate) fn policy(image: &str, digest: Option<&str>) -> Result<(), Failure> {
    let path = Path::new(POLICY);
    if !path.exists() {
        return Err(Failure::new(format!("read {POLICY}"), "it does not exist")
            .fix("write it as root: see containers-policy.json(5), and policy.json of stepdown's examples/deploy"));
    }
    roots_alone(path)?;
    let text = fs::read_to_string(path).on("read", POLICY)?;
    let policy: Value = serde_json::from_str(&text).on("read", POLICY)?;
    let rules = rules(&policy, image, digest);
    if rules.is_some_and(|rules| rules.iter().any(is_signed)) {
        return Ok(());
    }
    Err(Failure::new(format!("verify {image} by {POLICY}"), "the policy accepts it without a signature")
        .fix("give transports.docker of the policy a sigstoreSigned entry for this image"))
}

fn is_signed(rule: &Value) -> bool {
    rule.get("type").and_then(Value::as_str).is_some_and(|kind| matches!(kind, "sigstoreSigned" | "signedBy"))
}

/// The requirements that a pull by digest finds by containers-policy.json(5): those of the digest, the repository, what
/// is above it, its host, the wildcards of its host, the default.
fn rules<'a>(policy: &'a Value, image: &str, digest: Option<&str>) -> Option<&'a Vec<Value>> {
    let docker = policy.pointer("/transports/docker");
    // A wildcard has no port.
    let host = image.split(['/', ':']).next().unwrap_or(image);
    let above = std::iter::successors(Some(image), |name| name.rsplit_once('/').map(|(above, _)| above));
    let domains = std::iter::successors(host.split_once('.'), |(_, rest)| rest.split_once('.'));
    let scopes = (digest.map(|digest| format!("{image}@{digest}")).into_iter())
        .chain(above.map(str::to_owned))
        .chain(domains.map(|(_, domain)| format!("*.{domain}")))
        .chain(std::iter::once(String::new()));
    let found = docker.and_then(|docker| scopes.into_iter().find_map(|scope| docker.get(&scope)));
    found.or_else(|| policy.get("default")).and_then(Value::as_array)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(name: &str, digest: &str) -> String {
        let image = format!(r#"{{"docker-manifest-digest":"{digest}"}}"#);
        format!(r#"[{{"critical":{{"identity":{{"docker-reference":"{name}"}},"image":{image}}}}}]"#)
    }

    #[test]
    fn signature_is_of_this_digest_and_this_repository() {
        assert_eq!(claims(&signature("r:5000/app", "sha256:1"), "r:5000/app", "sha256:1"), Ok(()));
        assert_eq!(claims(&signature("r:5000/app:v1", "sha256:1"), "r:5000/app", "sha256:1"), Ok(()));
        assert!(claims(&signature("r:5000/other", "sha256:1"), "r:5000/app", "sha256:1").is_err());
        assert!(claims(&signature("r:5000/app", "sha256:2"), "r:5000/app", "sha256:1").is_err());
        assert!(claims("[]", "r:5000/app", "sha256:1").is_err());
        assert!(claims("", "r:5000/app", "sha256:1").is_err());
    }

    #[test]
    fn fix_of_cosign_is_that_of_its_cause() {
        let of = |err: &str, timed_out| {
            let output =
                Output { code: Some(1), timed_out, out: String::new(), err: format!("WARNING: x\nError: {err}") };
            fix(&output, &["cosign", "verify", "r/app@sha256:1"], "/key.pub")
        };
        let signed = "sign the digest with the key of /key.pub: cosign sign --key KEY r/app@sha256:1";
        assert_eq!(of("no signatures found", false), signed);
        assert_eq!(of("no matching signatures: invalid signature when validating ASN.1", false), signed);
        assert!(of("loading public key: PEM decoding failed", false).ends_with("install -m 0644 cosign.pub /key.pub"));
        assert!(of("dial tcp 127.0.0.1:5000: connect: connection refused", false).starts_with("start the registry"));
        assert!(of("", true).starts_with("run it by hand"));
    }

    #[test]
    fn policy_of_the_example_asks_for_a_signature() {
        let policy: Value = serde_json::from_str(include_str!("../../examples/deploy/etc/policy.json")).unwrap();
        assert!(rules(&policy, "registry.example/team/app", None).unwrap().iter().all(is_signed));
        assert!(!rules(&policy, "registry.example/team/other", None).unwrap().iter().any(is_signed));
    }

    #[test]
    fn policy_of_the_nearest_scope_decides() {
        let policy: Value = serde_json::from_str(
            r#"{"default":[{"type":"reject"}],
                "transports":{"docker":{"r.example":[{"type":"insecureAcceptAnything"}],
                                         "r.example/team/app@sha256:2":[{"type":"insecureAcceptAnything"}],
                                         "*.r.example":[{"type":"insecureAcceptAnything"}],
                                         "*.example":[{"type":"signedBy"}],
                                         "r.example/team/app":[{"type":"sigstoreSigned"}]}}}"#,
        )
        .unwrap();
        let of = |image, digest| {
            rules(&policy, image, Some(digest)).unwrap().first().unwrap().get("type").unwrap().as_str().unwrap()
        };
        let kind = |image| of(image, "sha256:1");
        assert_eq!(kind("r.example/team/app"), "sigstoreSigned");
        assert_eq!(of("r.example/team/app", "sha256:2"), "insecureAcceptAnything");
        assert_eq!(kind("r.example/other"), "insecureAcceptAnything");
        // A wildcard is of subdomains at any depth and port, and not of the domain itself.
        assert_eq!(kind("sub.r.example:5000/app"), "insecureAcceptAnything");
        assert_eq!(kind("a.b.example/app"), "signedBy");
        assert_eq!(kind("elsewhere.example/app"), "signedBy");
        assert_eq!(kind("example/app"), "reject");
        assert_eq!(kind("r.test/app"), "reject");
    }
}

//! Resolves a tag at the registry, with skopeo.

use std::time::Duration;

use crate::{failure::Failure, tag::Tag, tool};

const LIMIT: Duration = Duration::from_secs(60);

/// The image of a tag at one moment. All later steps use the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) digest: String,
    /// When the image was made, in seconds since 1970.
    pub(crate) created: i64,
}

pub(crate) fn resolve(image: &str, tag: &Tag) -> Result<Resolved, Failure> {
    let reference = format!("{image}:{tag}");
    let url = format!("docker://{reference}");
    let argv = ["skopeo", "inspect", "--no-tags", "--format", "{{.Digest}} {{.Created.Unix}}", &url];
    let answer = tool::must(&format!("resolve {reference}"), &argv, LIMIT)?;
    parse(&answer).ok_or_else(|| {
        Failure::new(format!("resolve {reference}"), format!("skopeo answered {answer:?}"))
            .fix("push an image with a digest of SHA-256 and a creation time, as Podman and Docker build them")
    })
}

fn parse(answer: &str) -> Option<Resolved> {
    let (digest, created) = answer.split_once(' ')?;
    let hex = digest.strip_prefix("sha256:")?;
    let good = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let created = created.parse().ok()?;
    good.then(|| Resolved { digest: digest.to_owned(), created })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_digest_is_taken() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(parse(&format!("{digest} 17")).unwrap(), Resolved { digest: digest.clone(), created: 17 });
        for bad in ["", "sha256:00 1", &digest, &format!("{digest} x"), &format!("{} 1", digest.replace('a', "G"))] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}

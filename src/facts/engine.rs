//! Information from the engine about the container.

/// The image that Podman started, by its `/run/.containerenv`.
pub fn image() -> Option<String> {
    let told = std::fs::read_to_string("/run/.containerenv").ok()?;
    told.lines().find_map(|line| line.strip_prefix("image=\"")?.strip_suffix('"')).map(str::to_owned)
}

//! `--render`: the run-time flags that a configuration needs, for each engine in its own language.
//!
//! Every format gets the same list of flags and has an arm for each kind: one that cannot say something refuses, and
//! never leaves it out. Nothing of the app's environment is in it but names.

mod arguments;
mod compose;
mod kubernetes;
mod names;
mod quadlet;
mod setting;
mod yaml;

use crate::config::args::Format;
use crate::error::{Error, Result};
use crate::plan::container::Container;
use arguments::Engine;

/// What is printed.
#[derive(Debug, Default)]
pub struct Rendered {
    /// For standard output.
    pub page: String,
    /// For standard error: why each argument is there, where the page has no place for it.
    pub notes: Vec<String>,
}

/// Renders the containers.
///
/// # Errors
/// [`Error::Inexpressible`].
pub fn render(format: Format, containers: &[Container<'_>]) -> Result<Rendered> {
    let page = |page| Rendered { page, notes: Vec::new() };
    match format {
        Format::Podman => arguments::render(Engine::Podman, containers),
        Format::Docker => arguments::render(Engine::Docker, containers),
        Format::Quadlet => quadlet::render(containers).map(page),
        Format::Compose => compose::render(containers).map(page),
        Format::Kubernetes => kubernetes::render(containers).map(page),
    }
}

/// What stands for an image that is not known.
const IMAGE: &str = "IMAGE";

/// What to tell about the image.
fn image_note(container: &Container<'_>) -> &'static str {
    if container.image.is_some() {
        "the image, as configured or as the engine told"
    } else {
        "put the name of the image here, or set image in the configuration"
    }
}

fn inexpressible(format: &'static str, what: String, remedy: &'static str) -> Error {
    Error::Inexpressible { format, what, remedy }
}

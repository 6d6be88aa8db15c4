//! `--render`: the run-time flags that a configuration needs, in the format of each engine.
//!
//! Every format gets the same list of settings and has an arm for each. A format that cannot express a setting refuses
//! the page instead of leaving the setting out. Only the names of variables are printed, never their values.

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

/// The output.
#[derive(Debug, Default)]
pub struct Rendered {
    /// For standard output.
    pub page: String,
    /// For standard error: the reason of each argument, since the argument line has no place for it.
    pub notes: Vec<String>,
}

/// Renders the containers.
///
/// # Errors
/// [`Error::Inexpressible`].
pub fn render(format: Format, containers: &[Container<'_>]) -> Result<Rendered> {
    let page = |page| Rendered { page, notes: Vec::new() };
    match format {
        Format::Podman | Format::Docker => arguments::render(format, containers),
        Format::Quadlet => quadlet::render(containers).map(page),
        Format::Compose => compose::render(containers).map(page),
        Format::Kubernetes => kubernetes::render(containers).map(page),
    }
}

/// The placeholder of an unknown image.
const IMAGE: &str = "IMAGE";

/// The comment above the placeholder of an unknown image.
fn image_note(container: &Container<'_>) -> Option<&'static str> {
    container.image.is_none().then_some("name the image by --image, or by image in the configuration")
}

fn inexpressible(format: Format, what: String, remedy: &'static str) -> Error {
    Error::Inexpressible { format: format.name(), what, remedy }
}

//! Quadlet's generator, which makes units from `.container` files and reports what is wrong with a file.

use std::{path::Path, time::Duration};

use crate::{
    failure::Failure,
    tool::{self, Output},
};

const LIMIT: Duration = Duration::from_secs(60);
const GENERATORS: &[&str] = &["/usr/libexec/podman/quadlet", "/usr/lib/systemd/user-generators/podman-user-generator"];

/// Runs the generator without writing anything: over this folder, or over the user's own.
pub(crate) fn generate(folder: Option<&Path>) -> Result<Output, Failure> {
    let generator = GENERATORS.iter().find(|path| Path::new(path).exists()).ok_or_else(|| {
        Failure::new("find Quadlet's generator", "it is not installed").fix("install Podman 4.6 or later")
    })?;
    let units = folder.map(|folder| format!("QUADLET_UNIT_DIRS={}", folder.display()));
    let mut argv = vec!["env"];
    argv.extend(units.as_deref());
    argv.extend([generator, "-dryrun", "-user"]);
    tool::run(&argv, LIMIT)
}

/// Why systemd has no unit of this name.
pub(crate) fn no_unit(name: &str) -> Failure {
    // An instance is made from its template's file.
    let base = name.split_once('@').map_or(name.to_owned(), |(template, _)| format!("{template}@"));
    let (service, file) = (format!("{name}.service"), format!("{base}.container"));
    match generate(None) {
        Err(failure) => failure,
        Ok(output) => explain(&service, &file, &format!("---{base}.service---"), &output),
    }
}

fn explain(service: &str, file: &str, made: &str, output: &Output) -> Failure {
    let reload = "systemctl --user daemon-reload";
    if output.out.contains(made) {
        return Failure::new(service, format!("systemd has not loaded it since {file} was written")).fix(reload);
    }
    let lines = output.err.lines().map(|line| line.split_once("]: ").map_or(line, |(_, words)| words));
    // Not the file of a longer name.
    let (path, quoted) = (format!("/{file}"), format!("\"{file}"));
    let about: Vec<&str> = lines.filter(|line| line.contains(&path) || line.contains(&quoted)).collect();
    let is_error = |line: &&&str| !["Loading", "Warning"].iter().any(|start| line.starts_with(start));
    if about.is_empty() {
        return Failure::new(service, format!("it does not exist, and neither does {file}"))
            .fix(format!("put {file} into ~/.config/containers/systemd and run {reload}"));
    }
    let error = about.iter().rfind(is_error).map_or(String::new(), |line| format!(": {line}"));
    Failure::new(service, format!("Quadlet makes no unit{error}"))
        .fix(format!("correct {file} or its drop-in, and run {reload}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(out: &str, err: &str) -> (String, String) {
        let output = Output { code: Some(1), timed_out: false, out: out.to_owned(), err: err.to_owned() };
        let failure = explain("web.service", "web.container", "---web.service---", &output);
        (failure.line(), failure.fix)
    }

    #[test]
    fn missing_wrong_and_unloaded_files_have_their_own_fix() {
        let wrong = "quadlet-generator[7]: Loading source unit file /u/web.container\n\
                     quadlet-generator[7]: converting \"web.container\": unsupported key 'A' in group 'Container'\n";
        let (reason, fix) = explained("---beat.service---\n", wrong);
        assert!(reason.ends_with("unsupported key 'A' in group 'Container'"), "{reason}");
        assert!(fix.starts_with("correct web.container"), "{fix}");
        assert!(explained("---web.service---\n", "").1.starts_with("systemctl --user daemon-reload"));
        assert!(explained("---web.service---x", "").0.contains("has not loaded it since"));
        let other = "quadlet-generator[7]: converting \"my-web.container\": no Image key\n";
        assert!(explained("---beat.service---\n", other).1.starts_with("put web.container into"));
    }
}

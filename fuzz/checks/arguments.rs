//! The command line: the app's arguments are passed unchanged, and those after its first one have no effect on
//! `/init`.

use std::ffi::{CStr, CString};

use stepdown::config::args::{self, Arguments};
use stepdown::config::environment::Environment;
use stepdown::config::{control, values};

pub fn check(data: &[u8]) {
    let words: Vec<CString> = super::parts(data).map(|word| CString::new(word).unwrap()).collect();
    let arguments = match parse(&words) {
        Ok(arguments) => arguments,
        Err(error) => return super::refused(&error, &[64]),
    };
    assert!(words.ends_with(&arguments.command), "{words:?} became {:?}", arguments.command);
    assert!(arguments.command.first().is_none_or(|first| !first.is_empty()));
    for (path, mode) in &arguments.tmpfs {
        assert!(values::path(path).as_ref() == Ok(path) && *mode <= 0o3777, "{path} {mode:o}");
    }
    if !arguments.command.is_empty() {
        let mut longer = words.clone();
        longer.push(c"--plan".to_owned());
        let more = parse(&longer).unwrap_or_else(|error| panic!("{longer:?}: {error}"));
        assert_eq!(options(&more), options(&arguments));
        assert_eq!(more.command.split_last().map(|(_, before)| before), Some(arguments.command.as_slice()));
    }
    let environment = Environment::default();
    match control::action(&arguments, &environment) {
        Ok(action) => assert!(action == arguments.action),
        Err(error) => super::refused(&error, &[64]),
    }
}

fn parse(words: &[CString]) -> stepdown::error::Result<Arguments> {
    args::parse(&words.iter().map(CString::as_c_str).collect::<Vec<&CStr>>())
}

fn options(arguments: &Arguments) -> String {
    let Arguments { action, format, config, user, role, supervise, tmpfs, image, command: _ } = arguments;
    format!("{action:?} {format:?} {config:?} {user:?} {role:?} {supervise} {tmpfs:?} {image:?}")
}

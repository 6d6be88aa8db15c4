//! `${…}`: the result consists of its parts, is not expanded again, and equals the concatenation of the parts'
//! expansions.

use stepdown::config::environment::Environment;
use stepdown::error::Error;
use stepdown::plan::expand::expand;

pub fn check(data: &[u8]) {
    let mut parts = super::parts(data);
    let (first, second) = (super::text(&mut parts), super::text(&mut parts));
    let mut environment = Environment::default();
    let mut longest = 0;
    for (name, value) in ["A", "B", "PORT"].into_iter().zip(parts) {
        assert!(environment.set(name, value));
        longest = longest.max(value.len());
    }
    let expanded = |text: &str| expand(&super::at(text), &environment);
    for text in [&first, &second] {
        match expanded(text) {
            Ok(bytes) => {
                assert!(bytes.len() <= text.len() + text.matches("${").count() * longest);
                assert!(!bytes.contains(&0));
                assert!(text.contains('$') || bytes == text.as_bytes());
            }
            Err(error @ (Error::Unset { .. } | Error::Config { .. })) => {
                assert!(text.contains('$'), "{text:?}: {error}");
                super::refused(&error, &[78]);
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(expanded(&text.replace('$', "$$")).unwrap(), text.as_bytes());
    }
    if let (Ok(one), Ok(other)) = (expanded(&first), expanded(&second)) {
        assert_eq!(expanded(&format!("{first}{second}")).unwrap(), [one, other].concat());
    }
}

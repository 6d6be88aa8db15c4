//! `[[require]]`: the variables that the operator is asked for.

use super::{FORMATS, rendered};

#[test]
fn a_variable_of_a_mounted_secret_is_not_asked_for() {
    for format in FORMATS {
        let asks = |secret: &str| {
            let text = format!("[[require]]\nenv = 'KEY'\n[secrets]\nKEY = {secret}\n[roles.a]\n[roles.b]\n");
            let done = rendered("required", &text, &[format, "-r", "a"]);
            [done.page(), &done.err].iter().any(|text| text.contains("[[require]] KEY"))
        };
        assert!(!asks("'/run/secrets/key'"), "{format}");
        assert!(asks("{ path = '/run/secrets/key', optional = true }"), "{format}: an optional file is not mounted");
        assert!(asks("{ path = '/run/secrets/key', roles = ['b'] }"), "{format}: a secret of another role");
    }
}

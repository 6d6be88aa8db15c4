//! `[role] argument`: the word that selects a page's role, since the image's CMD may begin with another role's name.

use super::rendered;

const WORDS: [(&str, &str); 3] =
    [("quadlet", "Exec=b\n"), ("compose", "    command: b\n"), ("kubernetes", "          args:\n            - b\n")];

#[test]
fn a_page_of_a_role_contains_its_word() {
    let roles = "[roles.a]\ncommand = ['x', 'a']\n[roles.b]\ncommand = ['x', 'b']\n";
    for (format, word) in WORDS {
        let done = rendered("word", &format!("[role]\nargument = true\n{roles}"), &[format, "-r", "b"]);
        // A Deployment and its boot check.
        let times = if format == "kubernetes" { 2 } else { 1 };
        done.check(done.page().matches(word).count() == times, word);
        rendered("no-word", roles, &[format, "-r", "b"]).lacks(word);
    }
}

/// Its command is what the image's CMD is, which a word would replace.
#[test]
fn a_role_without_a_command_has_no_word() {
    for (format, word) in WORDS {
        rendered("own", "[role]\nargument = true\n[roles.b]\n", &[format, "-r", "b"]).lacks(word);
    }
}

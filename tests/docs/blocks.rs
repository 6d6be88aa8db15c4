//! The ```toml blocks of a page, with the conditions of the boot from the comments before them.

use std::fs;
use std::path::PathBuf;

use crate::root;

/// A configuration in a page.
#[derive(Debug)]
pub struct Block {
    /// The page and the line.
    pub place: String,
    pub text: String,
    /// `<!-- env: NAME=VALUE -->`: the environment of the boot.
    pub env: Vec<String>,
    /// `<!-- file: PATH -->`: a file that the boot needs.
    pub files: Vec<String>,
    /// `<!-- capabilities: NAME -->`: capabilities that the engine grants beyond the four.
    pub capabilities: Vec<String>,
    /// `<!-- listen: PORT -->`: ports that accept connections.
    pub listen: Vec<u16>,
    /// `<!-- run: ARGUMENTS => COMMAND | STEPS -->`: arguments of `/init`, and the command that they run. ` |` and the
    /// steps before it may be left out.
    pub runs: Vec<(String, String, Option<String>)>,
    /// `<!-- fragment -->`: not a whole configuration.
    pub fragment: bool,
    /// `# user: UID:GID` of an example: a start as this user.
    pub user: Option<(u32, u32)>,
}

fn run(line: &str) -> (String, String, Option<String>) {
    let (arguments, command) = line.split_once(" => ").unwrap_or_else(|| panic!("no => in 'run: {line}'"));
    let (command, steps) = command.split_once(" |").map_or((command, None), |(command, steps)| (command, Some(steps)));
    (arguments.to_owned(), command.to_owned(), steps.map(|steps| steps.trim().to_owned()))
}

/// The blocks of a page of the repository.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut all = Vec::new();
    let mut comments: Vec<&str> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            comments.push(comment);
        } else if line == "```toml" {
            let block: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let of = |key: &str| -> Vec<String> {
                comments.iter().filter_map(|comment| comment.strip_prefix(key)).map(|value| value.to_owned()).collect()
            };
            all.push(Block {
                place: format!("{page}:{}", number + 1),
                text: block.join("\n") + "\n",
                env: of("env: "),
                files: of("file: "),
                capabilities: of("capabilities: "),
                listen: of("listen: ").iter().map(|port| port.parse().unwrap()).collect(),
                runs: of("run: ").iter().map(|line| run(line)).collect(),
                fragment: comments.contains(&"fragment"),
                user: None,
            });
            comments.clear();
        } else if line.starts_with("```") {
            // Another language, whose lines may look like anything.
            lines.by_ref().find(|(_, line)| line.starts_with("```"));
            comments.clear();
        } else if !line.is_empty() {
            comments.clear();
        }
    }
    all
}

/// The README and every page of docs/.
pub fn pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    let found = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let found = found.filter(|path: &PathBuf| path.extension().is_some_and(|extension| extension == "md"));
    pages.extend(found.map(|path| path.strip_prefix(root()).unwrap().display().to_string()));
    pages.sort();
    pages
}

/// The examples; comments in the file say what its boot needs. Real engines run the two apps of the tests.
pub fn examples() -> Vec<Block> {
    let folders = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path().join("init.toml"));
    let found = folders.filter(|path| path.exists());
    found.map(|path| example(&path.strip_prefix(root()).unwrap().display().to_string())).collect()
}

fn example(file: &str) -> Block {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let of = |key: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect()
    };
    let ids = |text: &String| -> (u32, u32) {
        let (uid, gid) = text.split_once(':').unwrap();
        (uid.parse().unwrap(), gid.parse().unwrap())
    };
    let user = of("# user: ").first().map(ids);
    Block {
        place: file.to_owned(),
        env: of("# env: "),
        files: of("# file: "),
        capabilities: of("# capabilities: "),
        listen: Vec::new(),
        runs: Vec::new(),
        fragment: false,
        user,
        text,
    }
}

//! Refuses a boot in which a file that the app could have written decides what root does.
//!
//! A secret that others can write is read as the user, and the app may use it. Where root acts on a value (the words of
//! a root step, the place that is handed over, what the seal allows), it must not come from such a file, neither
//! directly nor through `[env]`.

use std::collections::BTreeMap;
use std::path::Path;

use super::scope::Boot;
use crate::config::{At, Config, Expandable, Scope};
use crate::error::{Error, NoSecret, Place, Result};

/// The variables whose values are from files that others can write.
#[derive(Debug, Default)]
pub(super) struct NotForRoot(Vec<Origin>);

/// The origin of a variable's value.
#[derive(Clone, Debug)]
struct Origin {
    name: String,
    secret: String,
    /// The secret's file.
    path: String,
    /// Who else can write it.
    why: String,
}

impl NotForRoot {
    /// Adds a secret, if there is a reason why root must not act on it.
    pub(super) fn add(&mut self, name: &str, path: &Path, why: Option<String>) {
        if let Some(why) = why {
            self.0.push(Origin {
                name: name.to_owned(),
                secret: name.to_owned(),
                path: path.display().to_string(),
                why,
            });
        }
    }

    /// Refuses a boot in which such a value decides what root does.
    ///
    /// # Errors
    /// [`Error::Secret`].
    pub(super) fn refuse(
        mut self,
        config: &Config,
        role: Option<&BTreeMap<String, At<String>>>,
        boot: &Boot<'_>,
    ) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.follow(&config.env);
        role.into_iter().for_each(|env| self.follow(env));
        for step in &config.root_steps {
            let timeout = step.timeout.iter().filter_map(|timeout| match timeout {
                Expandable::Text(text) => Some(text),
                Expandable::Given(_) => None,
            });
            let mut texts = step.command.iter().chain(step.env.values()).chain(timeout);
            self.judge(&step.name.place, &step.scope, boot, &mut texts)?;
        }
        for entry in &config.tmpfs {
            self.judge(&entry.path.place, &entry.scope, boot, &mut std::iter::empty())?;
        }
        // The seal allows writes to the directories and to those of the files.
        let volumes = config.volumes.iter().map(|entry| (&entry.path, &entry.scope));
        let directories = config.directories.iter().map(|entry| (&entry.path, &entry.scope));
        let files = config.files.iter().map(|entry| (&entry.path, &entry.scope));
        let sealed = directories.chain(files).filter(|_| config.seal.writes);
        for (path, scope) in volumes.chain(sealed) {
            self.judge(&path.place, scope, boot, &mut std::iter::once(path))?;
        }
        let also = if config.seal.writes { config.seal.also.as_slice() } else { &[] };
        also.iter().try_for_each(|text| self.text(text))
    }

    /// Adds the variables of a table whose values refer to one of these, and removes those that it sets otherwise.
    fn follow(&mut self, values: &BTreeMap<String, At<String>>) {
        let renamed = |name: &String, origin: &Origin| Origin { name: name.clone(), ..origin.clone() };
        let mut all: Vec<Origin> =
            values.iter().filter_map(|(name, text)| Some(renamed(name, self.origin(&text.value)?))).collect();
        all.extend(self.0.drain(..).filter(|origin| !values.contains_key(&origin.name)));
        self.0 = all;
    }

    /// Refuses an entry of this boot whose scope or texts refer to one of these variables.
    fn judge(
        &self,
        place: &Place,
        scope: &Scope,
        boot: &Boot<'_>,
        texts: &mut dyn Iterator<Item = &At<String>>,
    ) -> Result<()> {
        if !scope.has(boot.role) {
            return Ok(());
        }
        let mut names = scope.when.keys().chain(scope.unless.keys());
        if let Some(origin) = names.find_map(|name| self.0.iter().find(|origin| origin.name == *name)) {
            return Err(origin.error(place));
        }
        texts.filter(|_| boot.includes(scope)).try_for_each(|text| self.text(text))
    }

    /// Refuses a text that refers to one of these variables.
    fn text(&self, text: &At<String>) -> Result<()> {
        self.origin(&text.value).map_or(Ok(()), |origin| Err(origin.error(&text.place)))
    }

    /// The first of these variables that the text refers to, also in a default that may not be used.
    fn origin(&self, text: &str) -> Option<&Origin> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let dollars = before.bytes().rev().take_while(|byte| *byte == b'$').count();
            // Each pair is a plain `$`; an odd one makes the brace plain too.
            if dollars % 2 == 0 {
                let end = after.find([':', '}']).unwrap_or(after.len());
                let found = self.0.iter().find(|origin| after.get(..end) == Some(origin.name.as_str()));
                if found.is_some() {
                    return found;
                }
            }
            rest = after;
        }
        None
    }
}

impl Origin {
    #[cold]
    #[inline(never)]
    fn error(&self, place: &Place) -> Error {
        let what = format!("root would act on its value ({place}), but others can write the file: {}", self.why);
        Error::Secret { name: self.secret.clone(), path: self.path.clone(), what, cause: NoSecret::NotForRoot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: &str) -> At<String> {
        At { value: value.to_owned(), place: Place::Default }
    }

    fn secret(name: &str) -> NotForRoot {
        let mut all = NotForRoot::default();
        all.add(name, Path::new("/data/s"), Some("/data belongs to uid 1001".into()));
        all.add("ROOTS", Path::new("/run/secrets/s"), None);
        all
    }

    #[test]
    fn references_in_every_form_are_found() {
        let secret = secret("X");
        for text in ["${X}", "a${X}b", "${X:-1}", "${X:+1}", "${X:?1}", "${Y:-${X}}", "${Y:+a${X:-b}}", "$$${X}"] {
            assert!(secret.origin(text).is_some(), "{text}");
        }
        for text in ["X", "$X", "$${X}", "$$$${X}", "${XY}", "${YX}", "${Y:-X}", "${ROOTS}", "", "${", "${Y"] {
            assert!(secret.origin(text).is_none(), "{text}");
        }
    }

    #[test]
    fn variables_that_refer_to_one_are_from_its_file_too() {
        let mut all = secret("X");
        let table = |values: &[(&str, &str)]| values.iter().map(|(name, value)| ((*name).into(), at(value))).collect();
        all.follow(&table(&[("A", "a-${X}"), ("B", "${A:-}"), ("C", "$${X}")]));
        let names = |all: &NotForRoot| all.0.iter().map(|origin| origin.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&all), ["A", "X"]);
        all.follow(&table(&[("B", "${A}"), ("X", "constant")]));
        assert_eq!(names(&all), ["B", "A"]);
        assert!(all.text(&at("${B}")).is_err() && all.text(&at("${X}")).is_ok());
    }
}

//! Prints the steps of a run: live on a terminal, plain lines elsewhere, JSON with `--json`.

use std::{
    cell::RefCell,
    io::{IsTerminal, Write, stderr, stdout},
    time::{Duration, Instant},
};

use crate::{
    failure::{Failure, one_line},
    output::{Level, Line, Reason},
};
use indicatif::{ProgressBar, ProgressStyle};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Live,
    Plain,
    Json,
}

impl Style {
    pub(crate) fn choose(json: bool) -> Self {
        match (json, stdout().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Live,
            (false, false) => Self::Plain,
        }
    }
}

pub(crate) struct Report {
    style: Style,
    began: Instant,
    step: RefCell<Option<ProgressBar>>,
}

impl Report {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, began: Instant::now(), step: RefCell::new(None) }
    }

    /// Runs a step; its line is printed when it ends, with its duration.
    pub(crate) fn step<T>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, Failure>,
        words: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        self.begin(name);
        let result = run();
        self.end();
        self.ended(name, &result, words, began.elapsed());
        result
    }

    /// The line of a step that has ended.
    pub(crate) fn ended<T>(
        &self,
        name: &str,
        result: &Result<T, Failure>,
        words: impl FnOnce(&T) -> String,
        took: Duration,
    ) {
        match result {
            Ok(value) => self.line(Level::Ok, name, &words(value), took),
            Err(failure) if failure.what == name => self.line(Level::Fail, name, &failure.reason, took),
            Err(failure) => self.line(Level::Fail, name, &failure.line(), took),
        }
    }

    /// A line that is not a step.
    pub(crate) fn note(&self, level: Level, name: &str, words: &str) {
        self.line(level, name, words, Duration::ZERO);
    }

    /// The last line: the answer to the request.
    pub(crate) fn answer(&self, answer: &str, stuck: bool) {
        let seconds = self.began.elapsed().as_secs_f32();
        if self.style == Style::Json {
            self.print_json(&Line::Answer { answer, stuck, seconds });
        } else {
            self.print(&format!("{answer} ({seconds:.1} s)"));
        }
    }

    pub(crate) fn print(&self, line: &str) {
        // A closed pipe must not end a deploy.
        let _ = writeln!(stdout(), "{line}");
    }

    fn print_json(&self, line: &Line) {
        // Text and numbers can always be encoded.
        if let Ok(text) = line.text() {
            self.print(&text);
        }
    }

    /// Shows the current step on a terminal, until `end`.
    pub(crate) fn begin(&self, name: &str) {
        if self.style != Style::Live {
            return;
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.step.borrow_mut() = Some(bar);
    }

    pub(crate) fn end(&self) {
        self.step.borrow_mut().take().inspect(ProgressBar::finish_and_clear);
    }

    fn line(&self, level: Level, name: &str, words: &str, took: Duration) {
        if let Some(bar) = self.step.borrow().as_ref() {
            return bar.suspend(|| self.print_line(level, name, words, took));
        }
        self.print_line(level, name, words, took);
    }

    fn print_line(&self, level: Level, name: &str, words: &str, took: Duration) {
        let words = one_line(words);
        let seconds = took.as_secs_f32();
        match self.style {
            Style::Json => self.print_json(&Line::Step { verdict: level, step: name, words: &words, seconds }),
            Style::Live | Style::Plain if took.is_zero() => self.print(&format!("{:4} {name}: {words}", level.word())),
            Style::Live | Style::Plain => self.print(&format!("{:4} {name}: {words} ({seconds:.1} s)", level.word())),
        }
    }
}

impl Report {
    pub(crate) fn fatal(&self, failure: Failure) {
        fatal(failure, self.style == Style::Json);
    }
}

/// The failure that ends the command, on standard error.
pub(crate) fn fatal(failure: Failure, json: bool) {
    let text = if json {
        Line::Error { error: Reason::of(&failure) }.text().unwrap_or_default()
    } else if stderr().is_terminal() {
        format!("{:?}", miette::Report::new(failure))
    } else {
        format!("stepdown: {}", failure.with_fix())
    };
    let _ = writeln!(stderr(), "{text}");
}

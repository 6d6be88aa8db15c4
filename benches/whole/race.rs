//! Compares commands: each round runs each of them once in a random order, so that slow moments affect all of them
//! equally.

use std::process::Command;
use std::time::{Duration, Instant};

/// A measured command.
pub struct Runner {
    pub name: String,
    /// Equivalent commands, used in turn, with different copies of the program.
    commands: Vec<Command>,
    times: Vec<Duration>,
}

impl Runner {
    pub fn new(name: impl Into<String>, command: Command) -> Runner {
        Runner::of_copies(name, vec![command])
    }

    pub fn of_copies(name: impl Into<String>, commands: Vec<Command>) -> Runner {
        Runner { name: name.into(), commands, times: Vec::new() }
    }

    fn run(&mut self, round: usize, prepare: &dyn Fn()) {
        prepare();
        let turn = round % self.commands.len();
        let started = Instant::now();
        let status = self.commands[turn].status().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        self.times.push(started.elapsed());
        assert!(status.success(), "{}: {status}", self.name);
    }

    /// The median.
    pub fn median(&mut self) -> Duration {
        self.quantile(1, 2)
    }

    /// The quantile.
    pub fn quantile(&mut self, part: usize, of: usize) -> Duration {
        self.times.sort();
        self.times[self.times.len() * part / of]
    }
}

/// Runs the commands, with `prepare` before each.
pub fn run(runners: &mut [Runner], rounds: usize, prepare: &dyn Fn()) {
    let mut order: Vec<usize> = (0..runners.len()).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..=rounds {
        for last in (1..order.len()).rev() {
            // xorshift: the order must vary, but need not be unpredictable.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            order.swap(last, usize::try_from(random % (last as u64 + 1)).unwrap());
        }
        for runner in &order {
            runners[*runner].run(round, prepare);
        }
        if round == 0 {
            // The first round loads everything into memory.
            runners.iter_mut().for_each(|runner| runner.times.clear());
        }
    }
}

/// Prints a table: median, interquartile range, and the ratio to the command at index `base`.
pub fn table(title: &str, runners: &mut [Runner], base: usize) {
    let first = runners[base].median();
    println!("\n{title}\n\n| | median | middle half | to {} |\n| --- | --- | --- | --- |", short(&runners[base].name));
    for runner in runners.iter_mut() {
        let (low, middle, high) = (runner.quantile(1, 4), runner.median(), runner.quantile(3, 4));
        println!(
            "| {} | {} | {} to {} | {:.2} |",
            runner.name,
            shown(middle),
            shown(low),
            shown(high),
            ratio(middle, first)
        );
    }
}

fn short(name: &str) -> &str {
    name.split([':', ',']).next().unwrap_or(name)
}

pub fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

pub fn shown(time: Duration) -> String {
    match time.as_micros() {
        micros @ ..10_000 => format!("{micros} µs"),
        micros => format!("{} ms", micros / 1000),
    }
}

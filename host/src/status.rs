//! `status`: what serves, what served before, and the current run.

use serde_json::Value;

use crate::{
    config::Config,
    failure::Failure,
    output::{Line, UnitNow},
    place::Place,
    podman,
    state::{Release, State, short},
    store,
    systemd::{self, Unit},
};

pub(crate) fn status(place: &Place, as_json: bool) -> Result<String, Failure> {
    let state = store::read(&place.state)?;
    let units = units_now(place);
    if as_json {
        let units = units.as_deref().unwrap_or_default();
        return Line::Status { app: &place.app, state: &state, units }.text();
    }
    let units = match &units {
        Ok(units) => units.iter().map(|unit| described_unit(unit, &state)).collect(),
        Err(failure) => vec![format!("  the units cannot be read: {}", failure.with_fix())],
    };
    Ok(lines(&place.app, &state, units).join("\n"))
}

/// The state says what was deployed; a unit may have ended since, or be changed by hand.
fn units_now(place: &Place) -> Result<Vec<UnitNow>, Failure> {
    let names = Config::read(&place.config)?.units;
    let units = names.iter().map(|name| systemd::unit(name)).collect::<Result<Vec<_>, _>>()?;
    let containers = units.iter().map(Unit::container).collect::<Result<Vec<_>, _>>()?;
    let found = podman::containers(&containers)?;
    let now = units.iter().zip(containers).map(|(unit, name)| {
        let runs = found.get(name).filter(|found| found.running);
        UnitNow {
            unit: unit.name.clone(),
            active: unit.active.clone(),
            image: runs.map(|runs| runs.image.clone()),
            health: runs.and_then(|runs| runs.health.clone()),
        }
    });
    Ok(now.collect())
}

fn described_unit(now: &UnitNow, state: &State) -> String {
    let known = |image: &String| {
        let mut releases = state.serving.iter().chain(&state.previous);
        releases.find(|known| known.image == *image).map_or(format!("image {}", short(image)), Release::name)
    };
    let runs = now.image.as_ref().map_or("no container runs".to_owned(), |image| format!("runs {}", known(image)));
    let health = now.health.as_ref().map_or(String::new(), |health| format!(", {health}"));
    format!("  {}: {}, {runs}{health}", now.unit, now.active)
}

fn lines(app: &str, state: &State, units: Vec<String>) -> Vec<String> {
    let mut lines = vec![match &state.serving {
        Some(release) => format!("{app}: serving {}", described(release)),
        None => format!("{app}: nothing was deployed yet"),
    }];
    lines.extend(units);
    lines.extend(state.previous.iter().map(|release| format!("  before: {}", described(release))));
    if let Some(run) = &state.run {
        lines.push(format!("  under way: {}, in state {}, since {}", run.tag, run.phase.name(), date(run.started)));
    }
    if let Some(last) = &state.last {
        lines.push(format!("  last answer: {} ({})", last.answer, date(last.ended)));
        lines.extend(last.fix.as_ref().map(|fix| format!("  fix: {fix}")));
    }
    lines
}

fn described(release: &Release) -> String {
    let mut words = format!("{} (image {}", release.name(), short(&release.image));
    if let Some(digest) = &release.digest {
        words += &format!(", {digest}");
    }
    if let Some(revision) = &release.revision {
        words += &format!(", revision {revision}");
    }
    if let Some(since) = release.since {
        words += &format!(", since {}", date(since));
    }
    words + ")"
}

/// The journal's lines; one that a power cut left incomplete is left out.
pub(crate) fn history(journal: &str, json: bool) -> String {
    let lines = journal.lines().filter_map(|line| {
        let entry: Value = serde_json::from_str(line).ok()?;
        if json { Some(line.to_owned()) } else { Some(entered_or_ended(&entry)) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn entered_or_ended(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let number = |key: &str| entry.get(key).and_then(Value::as_u64);
    let mut line = date(number("at").unwrap_or_default());
    match text("answer") {
        Some(answer) => {
            line += &format!("  {answer}");
            line += &number("seconds").map_or(String::new(), |seconds| format!(" ({seconds} s)"));
            line += &text("fix").map_or(String::new(), |fix| format!("; fix: {fix}"));
        }
        None => {
            line += &format!("  {} {}", text("tag").unwrap_or_default(), text("phase").unwrap_or_default());
            line += &number("unit").map_or(String::new(), |unit| format!(" unit {}", unit + 1));
        }
    }
    line
}

/// Seconds since 1970 as a date and time of UTC, by the civil calendar.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    // Days since 1 March of year 0, in cycles of 400 years.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_a_line_for_each_state_without_incomplete_ones() {
        let journal = "{\"at\":0,\"tag\":\"v1\",\"phase\":\"cutting\",\"unit\":0}\n{\"at\":1,\"ta\n\
                       {\"at\":60,\"answer\":\"fail v1 a: b\",\"fix\":\"c\",\"stuck\":false,\"seconds\":60}\n";
        let lines = "1970-01-01 00:00:00 UTC  v1 cutting unit 1\n1970-01-01 00:01:00 UTC  fail v1 a: b (60 s); fix: c";
        assert_eq!(history(journal, false), lines);
        assert_eq!(
            history(journal, true).lines().collect::<Vec<_>>(),
            [0, 2].map(|at| journal.lines().nth(at).unwrap())
        );
    }

    #[test]
    fn dates_are_of_the_civil_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_795_680_207), "2026-11-26 08:03:27 UTC");
    }
}

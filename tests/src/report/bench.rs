//! The results of a benchmark as a table, and values in human-readable units.

use std::fmt::Write;

use console::style;

use crate::bench::results::{Quantity, Results, Series, Spread, Unit};
use crate::report::text::{cut, width, wrapped};

/// The maximum number of columns for the name of a server.
const NAME: usize = 20;

/// The number of columns for a value.
const VALUE: usize = 8;

/// The number of columns for a range of values, for example `(1.00 MiB to 1.25 MiB)`.
const RANGE: usize = 22;

/// Returns the results as text.
pub fn to_text(results: &Results, columns: usize) -> String {
    let Results { lab, rounds, processors, .. } = results;
    let rounds = of_rounds(*rounds);
    let title = format!(
        "lab {lab}, {rounds}, {processors} processors: medians (minimum to maximum); × is the ratio to the relay's value in the same round"
    );
    let mut parts = vec![style(wrapped(" ", &title, columns)).bold().to_string()];
    for quantity in results.quantities.iter().filter(|one| !one.series.is_empty()) {
        let better = if quantity.unit.is_rate() { "more" } else { "less" };
        let mut lines =
            vec![wrapped(" ", &format!("{} ({better} is better)", quantity.title), columns)];
        lines.extend(quantity.series.iter().map(|series| row(results, quantity, series)));
        parts.push(lines.join("\n"));
    }
    if !results.notes.is_empty() {
        let notes = results.notes.iter().map(|note| wrapped(" · ", note, columns));
        parts.push(notes.collect::<Vec<_>>().join("\n"));
    }
    for fault in &results.faults {
        let mark = if fault.is_unwritten { " · " } else { " ✗ " };
        let mut lines = fault.what.lines();
        let first = lines.next().unwrap_or_default();
        let during =
            if fault.is_unwritten { String::new() } else { format!(" ({})", fault.during) };
        let what = format!("{} was not measured{during}: {first}", fault.server);
        let mut text = wrapped(mark, &what, columns);
        lines.for_each(|line| {
            let _ = write!(text, "\n{}", wrapped("   ", line, columns));
        });
        parts.push(if fault.is_unwritten { text } else { style(text).red().to_string() });
    }
    parts.join("\n\n")
}

/// Returns the number of rounds as text, for example `3 rounds`.
pub fn of_rounds(rounds: usize) -> String {
    if rounds == 1 { "1 round".to_owned() } else { format!("{rounds} rounds") }
}

fn row(results: &Results, quantity: &Quantity, series: &Series) -> String {
    let names = quantity.series.iter().map(|one| width(&one.server));
    let room = names.max().unwrap_or(0).min(NAME);
    let name = cut(&series.server, room);
    let name = console::pad_str(&name, room, console::Alignment::Left, None).into_owned();
    let of_several = |range: String| if results.rounds > 1 { range } else { String::new() };
    let unit = quantity.unit;
    let (median, range) = series.spread().map_or_else(
        || ("—".to_owned(), String::new()),
        |Spread { median, least, most }| {
            let range = format!("({} to {})", value(least, unit), value(most, unit));
            (value(median, unit), of_several(range))
        },
    );
    let ratios = |Spread { median, least, most }: Spread| {
        let range = format!(" ({} to {})", ratio(least), ratio(most));
        ratio(median) + &of_several(range)
    };
    let range_room = if results.rounds > 1 { RANGE } else { 0 };
    let mut row = format!("   {name} {median:>VALUE$} {range:<range_room$}");
    if let Some(spread) = quantity.to_relay(series) {
        let _ = write!(row, " × {}", ratios(spread));
    }
    let mut rows = vec![row.trim_end().to_owned()];
    if let Some(own) = results.to_own_rate(quantity, series) {
        let own = ratios(own);
        rows.push(format!("   {:room$} {own} of its own rate when everyone reads", ""));
    }
    if series.stalls() > 0 {
        let (stalls, rounds) = (series.stalls(), series.values.len());
        rows.push(format!("   {:room$} stopped delivering in {stalls} of {rounds} rounds", ""));
    }
    rows.join("\n")
}

/// Returns a ratio with two decimal places, or with none if the ratio is large.
pub fn ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

/// Returns a value with three significant digits and its unit.
pub fn value(value: f64, unit: Unit) -> String {
    let (scale, name) = match unit {
        Unit::PerSecond if value >= 1e6 => (1e-6, " M"),
        Unit::PerSecond if value >= 1e3 => (1e-3, " k"),
        Unit::PerSecond | Unit::Count => (1.0, ""),
        Unit::Seconds if value >= 1.0 => (1.0, " s"),
        Unit::Seconds if value >= 1e-3 => (1e3, " ms"),
        Unit::Seconds => (1e6, " µs"),
        Unit::Bytes if value >= 1_048_576.0 => (1.0 / 1_048_576.0, " MiB"),
        Unit::Bytes if value >= 1024.0 => (1.0 / 1024.0, " KiB"),
        Unit::Bytes => (1.0, " B"),
    };
    let scaled = value * scale;
    let digits = if scaled >= 99.95 || scaled == 0.0 {
        0
    } else if scaled >= 9.995 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{name}")
}

/// Returns one sentence for each quantity and server, for readers who cannot see a plot.
pub fn sentences(results: &Results) -> String {
    let mut text = String::new();
    for quantity in &results.quantities {
        for series in &quantity.series {
            let Some(Spread { median, .. }) = series.spread() else { continue };
            let median = value(median, quantity.unit);
            let _ = write!(text, "{}: {} {median}", quantity.title, series.server);
            if let Some(spread) = quantity.to_relay(series) {
                let _ = write!(text, ", {} times the relay", ratio(spread.median));
            }
            text += ". ";
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::bench::results::Unit;

    #[test]
    fn values_have_three_digits() {
        let all = [
            (7_213_000.0, Unit::PerSecond, "7.21 M"),
            (504_123.0, Unit::PerSecond, "504 k"),
            (0.000_183_7, Unit::Seconds, "184 µs"),
            (0.012_34, Unit::Seconds, "12.3 ms"),
            (9.996, Unit::Seconds, "10.0 s"),
            (12_345.0, Unit::Bytes, "12.1 KiB"),
            (1.0, Unit::Count, "1.00"),
            (0.0, Unit::Count, "0"),
        ];
        for (number, unit, text) in all {
            assert_eq!(value(number, unit), text);
        }
    }
}

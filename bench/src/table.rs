//! The table as text.

use std::io::{self, Write};

use crate::rows::Row;
use crate::statistics::Spread;

/// Prints `rows` under the headings of their parts, and the notes.
pub fn print(out: &mut impl Write, rows: &[Row], notes: &[String]) -> io::Result<()> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| row.part);
    for part in rows.chunk_by(|one, other| one.part == other.part) {
        let yardstick = part[0].yardstick;
        let ratio = if yardstick.is_empty() { String::new() } else { format!("÷ {yardstick}") };
        let heading = part[0].part.heading();
        writeln!(out, "\n{heading:<58} {ratio:>15} {:>15} {:>6} {:>6}", "10 % to 90 %", "must", "reach")?;
        part.iter().try_for_each(|row| line(out, row, yardstick))?;
    }
    writeln!(out)?;
    notes.iter().try_for_each(|note| writeln!(out, "{note}"))
}

fn line(out: &mut impl Write, row: &Row, yardstick: &str) -> io::Result<()> {
    let name = match row.yardstick {
        other if other != yardstick && !other.is_empty() => format!("{} ÷ {other}", row.name),
        _ => row.name.clone(),
    };
    let figure =
        row.figure.map_or("not measured".to_owned(), |figure| format!("{} {}", shown(figure), row.unit));
    let (ratio, spread) = match row.ratio {
        Some(Spread { low, median, high }) => (shown(median), format!("{} to {}", shown(low), shown(high))),
        None => (String::new(), String::new()),
    };
    let (must, reach) = row
        .target
        .map_or_else(Default::default, |target| (target.must.to_string(), target.reach.to_string()));
    let verdict = row.verdict().map(|verdict| format!("{verdict:?}")).unwrap_or_default();
    let line = format!("  {name:<35} {figure:>20} {ratio:>15} {spread:>15} {must:>6} {reach:>6}  {verdict}");
    writeln!(out, "{}", line.trim_end())
}

/// At least three significant digits.
fn shown(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        // Counts are whole.
        _ if value.fract() == 0.0 => 0,
        near_one if (0.99..1.1).contains(&near_one) => 4,
        _ => 2,
    };
    format!("{value:.digits$}")
}

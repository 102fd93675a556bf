//! Draws the results of a benchmark as an SVG picture: a panel for each quantity, with a bar for each server. The
//! picture either stands alone or is a part of the book, whose style sheet gives it its colors.

use std::fmt::Write;

use crate::bench::results::{Quantity, RELAY, Results, Series, Spread};
use crate::report::bench::{of_rounds, ratio, sentences, value};
use crate::report::text::{cut, escape};

/// The width of the drawing, in pixels.
const WIDTH: f64 = 760.0;
/// The width of the names at the left edge, in pixels.
const NAMES: f64 = 170.0;
/// The width of the values at the right edge, in pixels.
const VALUES: f64 = 190.0;
/// The height of a bar with its gap, in pixels.
const ROW: f64 = 24.0;
/// The height of a title with its gaps, in pixels.
const TITLE: f64 = 40.0;
/// The maximum number of characters in a name.
const LONGEST: usize = 22;

/// The colors have enough contrast on light and dark backgrounds. A reader does not need to distinguish the colors,
/// because each bar has a name.
const STYLE: &str = "\
text { font: 14px system-ui, sans-serif; fill: #1b1b1b } \
.title { font-weight: 600 } .small { fill: #595959 } \
rect { fill: #2f6fb0 } .relay { fill: #8a8a8a } line { stroke: #1b1b1b; stroke-width: 1.5 } \
.paper { fill: #ffffff } \
@media (prefers-color-scheme: dark) { text { fill: #e8e8e8 } .small { fill: #a8a8a8 } \
rect { fill: #6aa9e9 } .relay { fill: #8a8a8a } line { stroke: #e8e8e8 } .paper { fill: #16181c } }";

/// Returns the drawing as a file, with a title and a description for readers who cannot see it.
pub fn plot(results: &Results) -> String {
    drawing(
        results,
        &format!(
            "<style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        ),
    )
}

/// Returns the drawing for a page of the book.
pub fn figure(results: &Results) -> String {
    drawing(results, "")
}

fn drawing(results: &Results, style: &str) -> String {
    let title = format!("Lab {}: the servers compared with a bare relay", results.lab);
    let about = format!(
        "Medians of {}; each line shows the smallest and the largest value. {}",
        of_rounds(results.rounds),
        sentences(results)
    );
    let mut panels = String::new();
    let mut y = 44.0;
    for quantity in results.quantities.iter().filter(|one| !one.series.is_empty()) {
        y = panel(&mut panels, quantity, y);
    }
    let (title, about) = (escape(&title), escape(&about));
    let height = y + 12.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-labelledby=\"title about\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"about\">{about}</desc>\n{style}\
         <text class=\"title\" x=\"12\" y=\"28\">{title}</text>\n{panels}</svg>\n"
    )
}

/// Adds a panel below `y` and returns the position of the panel's lower edge.
fn panel(panels: &mut String, quantity: &Quantity, y: f64) -> f64 {
    let spreads = quantity.series.iter().filter_map(Series::spread);
    let most = spreads.map(|spread| spread.most).fold(0.0, f64::max);
    let room = WIDTH - NAMES - VALUES;
    let x = |value: f64| NAMES + if most > 0.0 { value / most * room } else { 0.0 };
    let better =
        if quantity.unit.is_rate() { "longer bars are better" } else { "shorter bars are better" };
    let _ = writeln!(
        panels,
        "<text class=\"title\" x=\"12\" y=\"{:.0}\">{} <tspan class=\"small\" font-weight=\"400\">({better})</tspan></text>",
        y + TITLE - 12.0,
        escape(&quantity.title)
    );
    let mut y = y + TITLE;
    for series in &quantity.series {
        let name = escape(&cut(&series.server, LONGEST));
        let (middle, base) = (y + ROW / 2.0 - 2.0, y + ROW / 2.0 + 3.0);
        let end = NAMES - 10.0;
        let _ = writeln!(
            panels,
            "<text x=\"{end:.0}\" y=\"{base:.0}\" text-anchor=\"end\">{name}</text>"
        );
        let right = WIDTH - VALUES + 10.0;
        let text = match series.spread() {
            None => "stopped delivering".to_owned(),
            Some(Spread { median, least, most }) => {
                let class = if series.server == RELAY { "bar relay" } else { "bar" };
                let _ = writeln!(
                    panels,
                    "<rect class=\"{class}\" x=\"{NAMES:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.0}\"/>\
                     <line class=\"range\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>",
                    x(median) - NAMES,
                    ROW - 6.0,
                    x(least),
                    x(most)
                );
                let to_relay = quantity.to_relay(series);
                let to_relay =
                    to_relay.map_or_else(String::new, |one| format!(", × {}", ratio(one.median)));
                value(median, quantity.unit) + &to_relay
            }
        };
        let _ = writeln!(panels, "<text x=\"{right:.0}\" y=\"{base:.0}\">{}</text>", escape(&text));
        y += ROW;
    }
    y
}

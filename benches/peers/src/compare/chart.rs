//! The table as a chart: a bar for each function.

use std::fmt::Write;

use crate::table::{Table, milliseconds};

const WIDTH: f64 = 760.0;
const LABELS: f64 = 200.0;
const FIGURES: f64 = 150.0;
const BAR: f64 = 22.0;
const STEP: f64 = 34.0;

/// An SVG that reads on light and on dark ground.
pub fn of(table: &Table) -> String {
    let longest = table.rows.iter().map(|row| milliseconds(row.invocation.upper_quarter)).fold(1.0, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / longest;
    let height = STEP * table.rows.len() as f64 + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>Milliseconds for an event of 6 MB</title>\n\
         <style>text {{ fill: #333 }} .ours {{ fill: #2a7f62 }} .other {{ fill: #9aa5b1 }} \
         line {{ stroke: #333; stroke-width: 1.5 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} line {{ stroke: #ddd }} }}</style>\n"
    );
    for (index, row) in table.rows.iter().enumerate() {
        let top = STEP * index as f64 + 8.0;
        let middle = top + BAR / 2.0;
        let class = if row.name.starts_with("Kinesieve") { "ours" } else { "other" };
        let median = milliseconds(row.invocation.median);
        let at = |time| LABELS + milliseconds(time) * scale;
        let (left, right) = (at(row.invocation.lower_quarter), at(row.invocation.upper_quarter));
        let text = middle + 4.5;
        // Names and figures are of this program: nothing in them needs to be escaped.
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>\n\
             <line x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\n\
             <text x=\"{:.1}\" y=\"{text:.1}\">{median:.1} ms, {:.1} times</text>",
            LABELS - 8.0,
            row.name,
            median * scale,
            right.max(LABELS + median * scale) + 8.0,
            table.ratio(row),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

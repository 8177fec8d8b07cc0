//! A plot of two lines over sizes that grow tenfold, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 20.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 2] = ["#0b6e99", "#c2571a"];

/// Points of two lines.
pub(crate) struct Plot {
    across: &'static str,
    up: &'static str,
    lines: [&'static str; 2],
    points: Vec<(f64, [f64; 2])>,
}

impl Plot {
    /// An empty one with its words.
    pub(crate) fn new(across: &'static str, up: &'static str, lines: [&'static str; 2]) -> Self {
        Self { across, up, lines, points: Vec::new() }
    }

    /// One more point of each line.
    pub(crate) fn point(&mut self, size: f64, values: [f64; 2]) {
        self.points.push((size, values));
    }

    /// The drawing. Sizes stand evenly, since they grow tenfold; values start at 0, so that
    /// flat looks flat.
    pub(crate) fn svg(&self) -> String {
        let highest =
            self.points.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max);
        let ceiling = ceiling(highest);
        let step = (WIDTH - LEFT - RIGHT) / self.points.len().saturating_sub(1).max(1) as f64;
        let x = |at: usize| LEFT + step * at as f64;
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / ceiling;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"20\">{}</text>\n",
            self.up
        );
        for quarter in 0..=4 {
            let value = ceiling * f64::from(quarter) / 4.0;
            let (height, end) = (y(value), WIDTH - RIGHT);
            // Writing to a string cannot fail.
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {height:.1}H{end}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.2}</text>",
                LEFT - 6.0,
                height + 4.0
            );
        }
        for (at, (size, _)) in self.points.iter().enumerate() {
            let anchor = if at == 0 {
                "start"
            } else if at + 1 == self.points.len() {
                "end"
            } else {
                "middle"
            };
            let (text, height) = (crate::table::whole(*size), HEIGHT - BOTTOM + 18.0);
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{height}\" text-anchor=\"{anchor}\">{text}</text>",
                x(at)
            );
        }
        for (line, colour) in COLOURS.iter().enumerate() {
            let places = self.points.iter().enumerate();
            let path: Vec<String> = places
                .map(|(at, (_, values))| format!("{:.1},{:.1}", x(at), y(values[line])))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{}\" y=\"20\" fill=\"{colour}\">{}</text>",
                path.join(" "),
                WIDTH - 220.0 + 100.0 * line as f64,
                self.lines[line]
            );
        }
        let (middle, foot) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0);
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{foot}\" text-anchor=\"middle\">{}</text>",
            self.across
        );
        svg + "</svg>\n"
    }
}

/// The next of 1, 2, 4, 5, 10 at its power of ten.
fn ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-3).log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

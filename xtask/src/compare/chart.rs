//! Bar charts as SVG.

use std::fmt::Write;

/// One bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// What stands beside it.
    pub(crate) text: String,
    /// Ours are in another colour.
    pub(crate) is_ours: bool,
}

const LABEL_WIDTH: f64 = 150.0;
const BAR_WIDTH_MAX: f64 = 400.0;
const BAR_HEIGHT: f64 = 18.0;
const ROW_HEIGHT: f64 = 26.0;
const TITLE_HEIGHT: f64 = 40.0;
const OURS: &str = "#654ff0";
const OTHERS: &str = "#9aa5b1";

/// A chart with horizontal bars from zero, the longest as wide as there is room.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let (width, height) = (LABEL_WIDTH + BAR_WIDTH_MAX + 110.0, TITLE_HEIGHT + ROW_HEIGHT * bars.len() as f64 + 8.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escape(title)
    );
    for (at, bar) in bars.iter().enumerate() {
        let top = TITLE_HEIGHT + ROW_HEIGHT * at as f64;
        let length = (bar.value / longest * BAR_WIDTH_MAX).max(1.0);
        let colour = if bar.is_ours { OURS } else { OTHERS };
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL_WIDTH:.0}\" y=\"{top:.0}\" width=\"{length:.1}\" height=\"{BAR_HEIGHT:.0}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{}</text>",
            LABEL_WIDTH - 8.0,
            top + 14.0,
            escape(&bar.label),
            LABEL_WIDTH + length + 6.0,
            top + 14.0,
            escape(&bar.text),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bar = |label: &str, value: f64| Bar {
            label: label.into(),
            value,
            text: format!("{value}"),
            is_ours: value < 2.0,
        };
        let svg = bars("a < b", &[bar("one", 1.0), bar("two & more", 2.0)]);
        assert!(svg.contains("a &lt; b") && svg.contains("two &amp; more"));
        assert!(svg.contains("width=\"200.0\"") && svg.contains("width=\"400.0\""), "{svg}");
        assert_eq!((svg.matches(OURS).count(), svg.matches(OTHERS).count()), (1, 1));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn a_chart_without_bars_is_a_chart() {
        assert!(bars("nothing", &[]).ends_with("</svg>\n"));
    }
}

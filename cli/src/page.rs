//! What pages for people have in common: one file each, which loads nothing and follows the reader's choice of light or dark.

const STYLE: &str = include_str!("page.css");

/// The start of a page: its title, its style, and that it may load nothing.
pub(crate) fn start(title: &str, style: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}{style}</style>\n",
        escaped(title)
    )
}

/// Text of whoever, as text of a page. Characters that control something are shown as what they are not.
pub(crate) fn escaped(text: &str) -> String {
    let text = crate::output::printable(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_only_text() {
        assert_eq!(escaped("<script>\"&"), "&lt;script&gt;&quot;&amp;");
        assert_eq!(escaped("\u{1b}[2J\0"), "\u{fffd}[2J\u{fffd}");
        assert!(start("</title><script>", "").contains("<title>&lt;/title&gt;&lt;script&gt;</title>"));
    }
}

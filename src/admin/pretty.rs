//! JSON for people's eyes, token by token: order, numbers and escapes stay as they were sent.

use serde::de::IgnoredAny;

/// `body` indented if it is JSON, else as text; either way without control characters, since a
/// body comes from outside and a terminal obeys them.
pub fn pretty(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
        harmless(&indent(&text))
    } else {
        harmless(&text)
    }
}

/// `text` with control characters other than newline and tab replaced.
pub fn harmless(text: &str) -> String {
    let replace =
        |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    text.chars().map(replace).collect()
}

fn indent(json: &str) -> String {
    let mut out = Indented { text: String::with_capacity(json.len() * 2), depth: 0, opened: false };
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            out.text.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if !c.is_ascii_whitespace() {
            in_string = c == '"';
            out.token(c);
        }
    }
    out.text
}

struct Indented {
    text: String,
    depth: usize,
    /// The last token opened an object or array; if the next closes it, both stay on one line.
    opened: bool,
}

impl Indented {
    fn token(&mut self, c: char) {
        match c {
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if !self.opened {
                    self.new_line();
                }
                self.text.push(c);
            }
            ',' => {
                self.text.push(c);
                self.new_line();
            }
            ':' => self.text.push_str(": "),
            _ => {
                if self.opened {
                    self.new_line();
                }
                self.text.push(c);
            }
        }
        self.opened = matches!(c, '{' | '[');
        self.depth += usize::from(self.opened);
    }

    fn new_line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_and_escapes_stay_as_sent() {
        let body = br#"{"b":1.10,"a":[1e400,{}, []],"s":"q\"{,}\u00e9:\\","n":null}"#;
        let expected = r#"{
  "b": 1.10,
  "a": [
    1e400,
    {},
    []
  ],
  "s": "q\"{,}\u00e9:\\",
  "n": null
}"#;
        assert_eq!(pretty(body), expected);
        assert_eq!(pretty(b"\"x\""), "\"x\"");
    }

    #[test]
    fn what_is_no_json_is_shown_as_text() {
        assert_eq!(pretty(b"{oops"), "{oops");
        assert_eq!(pretty(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(pretty(b""), "");
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(pretty(b"\x1b[2Jgone\r\n\xc2\x9b"), "\u{fffd}[2Jgone\u{fffd}\n\u{fffd}");
    }
}

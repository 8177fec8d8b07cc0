//! JSON as it came: checked once, then read where it stands, without ever being rebuilt.
//!
//! Nothing here recurses, so no depth of nesting can exhaust the stack, and numbers stay as they
//! were written. Where a name stands twice in an object the last one counts, as in jsonb.

mod fit;
mod walk;

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use walk::Cursor;

/// A valid JSON value, with no space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Json<'a> {
    text: &'a str,
    start: usize,
}

/// What a value says, as far as a text can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number, as written.
    Number(&'a str),
    /// `true` or `false`.
    Boolean(&'a str),
    /// Null.
    Null,
    /// A list, an object, or a string that is no text (half of a surrogate pair).
    Other,
}

impl<'a> Json<'a> {
    /// The value that `bytes` are; `None` unless they are JSON in UTF-8.
    ///
    /// A byte order mark before it is passed over, as RFC 8259 lets a reader do: a provider that
    /// sends one would otherwise lose every event for the sake of three bytes.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        const BYTE_ORDER_MARK: &str = "\u{feff}";
        let all = std::str::from_utf8(bytes).ok()?;
        let text = all.strip_prefix(BYTE_ORDER_MARK).unwrap_or(all);
        // Skips values without recursion, and minds neither depth nor the size of numbers.
        let text = serde_json::from_str::<&RawValue>(text).ok()?.get().trim_ascii();
        Some(Self { text, start: offset(all, text) })
    }

    /// `text` as a JSON string, quotes included.
    pub(crate) fn quoted(text: &str) -> String {
        let mut quoted = String::with_capacity(text.len() + 2);
        Self::quote(text, &mut quoted);
        quoted
    }

    /// Appends `text` as a JSON string.
    pub(crate) fn quote(text: &str, out: &mut String) {
        out.push('"');
        if text.bytes().any(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
            let quoted = serde_json::Value::from(text).to_string();
            out.push_str(&quoted[1..quoted.len() - 1]);
        } else {
            out.push_str(text);
        }
        out.push('"');
    }

    /// As written.
    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    /// Where it stands in the bytes that were parsed.
    pub(crate) fn range(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Whether it is an object.
    pub(crate) fn is_object(self) -> bool {
        self.text.starts_with('{')
    }

    /// Whether it is a list.
    pub(crate) fn is_list(self) -> bool {
        self.text.starts_with('[')
    }

    /// Whether jsonb can hold it.
    pub(crate) fn fits_jsonb(self) -> bool {
        fit::fits(self.text.as_bytes())
    }

    /// The value at `path`; a number is an index where it meets a list.
    pub(crate) fn at(self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self, |value, name| value.step(name))
    }

    fn step(self, name: &str) -> Option<Self> {
        if self.is_object() {
            let mut found = None;
            for (member, value) in self.members() {
                if member == name {
                    found = Some(value);
                }
            }
            found
        } else {
            let digits = name.bytes().all(|byte| byte.is_ascii_digit());
            self.elements().nth(name.parse().ok().filter(|_| digits)?)
        }
    }

    /// The elements of a list; none if it is something else.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> {
        let mut cursor = Cursor::inside(self.text, b'[');
        std::iter::from_fn(move || cursor.value().map(|value| self.inner(value)))
    }

    /// Names and values of an object; none if it is something else. A name that is no text is
    /// passed over.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        let mut cursor = Cursor::inside(self.text, b'{');
        let pairs = std::iter::from_fn(move || Some((cursor.value()?, cursor.value()?)));
        pairs.filter_map(move |(name, value)| Some((unescape(name)?, self.inner(value))))
    }

    /// What it says.
    pub(crate) fn scalar(self) -> Scalar<'a> {
        match self.text.as_bytes().first() {
            Some(b'"') => unescape(self.text).map_or(Scalar::Other, Scalar::Text),
            Some(b'n') => Scalar::Null,
            Some(b't' | b'f') => Scalar::Boolean(self.text),
            Some(b'-' | b'0'..=b'9') => Scalar::Number(self.text),
            _ => Scalar::Other,
        }
    }

    fn inner(self, text: &'a str) -> Self {
        Self { text, start: self.start + offset(self.text, text) }
    }
}

/// What the string with these quotes says.
fn unescape(quoted: &str) -> Option<Cow<'_, str>> {
    let bare = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !bare.contains('\\') {
        return Some(Cow::Borrowed(bare));
    }
    serde_json::from_str(quoted).ok().map(Cow::Owned)
}

/// How far into `whole` its part `part` begins.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dotted: &str) -> Vec<String> {
        dotted.split('.').map(str::to_owned).collect()
    }

    fn at<'a>(text: &'a str, dotted: &str) -> Option<&'a str> {
        Json::parse(text.as_bytes()).unwrap().at(&path(dotted)).map(Json::text)
    }

    #[test]
    fn a_value_is_found_by_its_path_as_it_was_written() {
        let text = r#" {"a" : { "b":[1, 2.50 , {"c":"x"}],"":3}, "a\u0062":"y" } "#;
        assert_eq!(at(text, "a.b.1"), Some("2.50"));
        assert_eq!(at(text, "a.b.2.c"), Some(r#""x""#));
        assert_eq!(at(text, "a."), Some("3"));
        assert_eq!(at(text, "ab"), Some(r#""y""#));
        for nowhere in ["b", "a.b.3", "a.b.c", "a.b.+1", "a.b.1.d", "a.b.2.c.0"] {
            assert_eq!(at(text, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn strings_that_look_like_structure_mislead_nobody() {
        let text = r#"{"x":"}]\"{","y\\":["]","\\"],"z":{"a":"\"}"}}"#;
        assert_eq!(at(text, "z.a"), Some(r#""\"}""#));
        assert_eq!(at(text, "y\\.1"), Some(r#""\\""#));
    }

    #[test]
    fn the_last_of_two_equal_names_counts_as_in_jsonb() {
        assert_eq!(at(r#"{"a":1,"a":2}"#, "a"), Some("2"));
    }

    #[test]
    fn elements_say_where_they_stand() {
        let text = " [ {\"a\": 1} ,\r\n2,\"é\"]";
        let json = Json::parse(text.as_bytes()).unwrap();
        let found: Vec<&str> = json.elements().map(|e| &text[e.range()]).collect();
        assert_eq!(found, ["{\"a\": 1}", "2", "\"é\""]);
        assert_eq!(Json::parse(b"[]").unwrap().elements().count(), 0);
        assert_eq!(Json::parse(b"7").unwrap().elements().count(), 0);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let bad: [&[u8]; 9] =
            [b"", b" ", b"hello", b"{", b"{\"a\":\"\xff\"}", b"{} {}", b"[1,]", b"\"\n\"", b"01"];
        for bytes in bad {
            assert_eq!(Json::parse(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let json = Json::parse(b"\xef\xbb\xbf {}").unwrap();
        assert_eq!((json.text(), json.range()), ("{}", 4..6));
    }

    #[test]
    fn scalars_are_told_apart() {
        let scalar = |text: &'static str| Json::parse(text.as_bytes()).unwrap().scalar();
        assert_eq!(scalar(r#""\u00e9""#), Scalar::Text("é".into()));
        assert_eq!(scalar("1e400"), Scalar::Number("1e400"));
        assert_eq!(scalar("false"), Scalar::Boolean("false"));
        assert_eq!(scalar("null"), Scalar::Null);
        for other in ["{}", "[]", r#""\ud800""#] {
            assert_eq!(scalar(other), Scalar::Other);
        }
    }

    #[test]
    fn no_depth_of_nesting_exhausts_the_stack() {
        let deep = format!("{}7{}", "{\"a\":[".repeat(500_000), "]}".repeat(500_000));
        let json = Json::parse(deep.as_bytes()).unwrap();
        let way: Vec<String> =
            ["a", "0"].iter().cycle().take(40).map(|s| (*s).to_owned()).collect();
        assert!(json.at(&way).unwrap().is_object());
        assert!(!json.fits_jsonb());
    }
}

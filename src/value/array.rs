//! PostgreSQL's array literals to JSON arrays.

use super::{Kind, Options, write_json};

/// What is known of an array type.
pub(super) struct Form<'a> {
    /// Kind of its elements.
    pub(super) element: &'a Kind,
    /// What stands between elements.
    pub(super) delimiter: u8,
    /// How elements are written.
    pub(super) options: Options,
}

impl Form<'_> {
    /// Appends the array; false, with part of it appended, where the text is no array literal.
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        self.write_from(text, after_bounds(text), out).is_some()
    }

    fn write_from(&self, text: &[u8], mut at: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut depth = 0;
        // Holds an element without its backslashes; most arrays never need it.
        let mut unescaped = Vec::new();
        loop {
            match text.get(at)? {
                b'{' => {
                    out.push(b'[');
                    depth += 1;
                    at += 1;
                    if text.get(at) != Some(&b'}') {
                        continue;
                    }
                }
                _ if depth == 0 => return None,
                b'"' => at = self.quoted(text, at + 1, &mut unescaped, out)?,
                _ => at = self.bare(text, at, out)?,
            }
            while text.get(at) == Some(&b'}') {
                out.push(b']');
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return (at == text.len()).then_some(());
                }
            }
            if *text.get(at)? != self.delimiter {
                return None;
            }
            out.push(b',');
            at += 1;
        }
    }

    /// Writes the quoted element whose text begins at `start`; returns the place after it.
    fn quoted(
        &self,
        text: &[u8],
        start: usize,
        unescaped: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\');
        let mut at = start;
        let mut run = start;
        unescaped.clear();
        loop {
            at += text.get(at..)?.iter().position(is_special)?;
            if text[at] == b'"' {
                break;
            }
            unescaped.extend_from_slice(&text[run..at]);
            run = at + 1;
            at += 2;
        }
        let element = if run == start {
            &text[start..at]
        } else {
            unescaped.extend_from_slice(&text[run..at]);
            unescaped
        };
        write_json(self.element, self.options, element, out);
        Some(at + 1)
    }

    /// Writes the unquoted element at `at`; returns the place after it.
    fn bare(&self, text: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
        let ends = |byte: &u8| *byte == self.delimiter || *byte == b'}';
        let end = at + text.get(at..)?.iter().position(ends)?;
        match &text[at..end] {
            b"" => return None,
            b"NULL" => out.extend_from_slice(b"null"),
            element if element.iter().any(|byte| matches!(byte, b'{' | b'"' | b'\\')) => {
                return None;
            }
            element => write_json(self.element, self.options, element, out),
        }
        Some(end)
    }
}

/// The place after lower bounds such as `[2:3][0:1]=`, which JSON cannot say and the contract
/// drops.
fn after_bounds(text: &[u8]) -> usize {
    match text.first() {
        Some(b'[') => text.iter().position(|byte| *byte == b'=').map_or(0, |equals| equals + 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(element: Kind, text: &str) -> String {
        let delimiter = if text.contains(';') { b';' } else { b',' };
        let mut out = Vec::new();
        let kind = Kind::Array(Box::new(element), delimiter);
        write_json(&kind, Options::default(), text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arrays_become_json_arrays_of_their_elements_forms() {
        for (kind, text, expected) in [
            (Kind::Number, "{}", "[]"),
            (Kind::Number, "{1,NULL,-3}", "[1,null,-3]"),
            (Kind::Number, "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
            (Kind::Number, "[2:3]={7,8}", "[7,8]"),
            (Kind::Number, "[-1:0][2:2]={{7},{8}}", "[[7],[8]]"),
            (Kind::Text, "{NULL,\"NULL\",\"\"}", "[null,\"NULL\",\"\"]"),
            (Kind::Text, r#"{"a,b","{x}","\"","\\","c d"}"#, r#"["a,b","{x}","\"","\\","c d"]"#),
            (Kind::Int8, "{9223372036854775807}", "[\"9223372036854775807\"]"),
            (Kind::Bool, "{t,f}", "[true,false]"),
            (
                Kind::Json,
                r#"{"{\"a\": [1, 1.10]}",NULL,"null"}"#,
                r#"[{"a": [1, 1.10]},null,null]"#,
            ),
            (Kind::Bytea, r#"{"\\x00ff"}"#, "[\"AP8=\"]"),
            (
                Kind::TimestampTz,
                r#"{"2026-01-16 12:30:00+00",infinity}"#,
                r#"["2026-01-16T12:30:00Z","infinity"]"#,
            ),
            (Kind::Text, "{(1,1),(0,0);(2,2),(1,1)}", r#"["(1,1),(0,0)","(2,2),(1,1)"]"#),
        ] {
            assert_eq!(json(kind, text), expected, "{text}");
        }
    }

    #[test]
    fn a_domain_over_an_array_nests() {
        let inner = Kind::Array(Box::new(Kind::Number), b',');
        assert_eq!(json(inner, r#"{"{1,2}","{}"}"#), "[[1,2],[]]");
    }

    #[test]
    fn text_that_is_no_array_becomes_a_string() {
        for text in [
            "", "{", "}", "{1", "{1,}", "{,1}", "{1}}", "{1}x", "x{1}", "{\"a}", "{\"a\\", "[1:2]",
            "[1:2]=", "{a\"b\"}", "{{1}", "{1,{2}",
        ] {
            let read: String = serde_json::from_str(&json(Kind::Number, text)).unwrap();
            assert_eq!(read, text);
        }
    }

    proptest! {
        #[test]
        fn elements_of_any_text_survive(elements in proptest::collection::vec(
            proptest::option::of(any::<String>()), 1..8
        )) {
            let literal: Vec<String> = elements.iter().map(|element| match element {
                None => "NULL".to_owned(),
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            }).collect();
            let mut out = Vec::new();
            let text = format!("{{{}}}", literal.join(","));
            let kind = Kind::Array(Box::new(Kind::Text), b',');
            write_json(&kind, Options::default(), text.as_bytes(), &mut out);
            prop_assert_eq!(serde_json::from_slice::<Vec<Option<String>>>(&out).unwrap(), elements);
        }

        #[test]
        fn any_text_becomes_valid_json(text in "[{}\\[\\],;:=\"\\\\ aN0-9]{0,20}") {
            serde_json::from_str::<serde_json::Value>(&json(Kind::Number, &text)).unwrap();
        }
    }
}

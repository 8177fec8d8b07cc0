//! Members of json and jsonb documents, found in their text.

use std::borrow::Cow;

use super::error::EvalError;
use super::numeric::Numeric;
use crate::value::json;

/// The two types, which differ in what they do with the unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// As written.
    Json,
    /// As jsonb writes it: keys in order, none twice.
    Jsonb,
}

/// The text of member `key` of an object; `None` where there is none.
pub(super) fn member<'t>(
    dialect: Dialect,
    text: &'t [u8],
    key: &[u8],
) -> Result<Option<&'t [u8]>, EvalError> {
    check_escapes(dialect, text)?;
    let mut at = json::skip_space(text, 0);
    if text.get(at) != Some(&b'{') {
        return Ok(None);
    }
    at = json::skip_space(text, at + 1);
    let mut found = None;
    while text.get(at) == Some(&b'"') {
        let member = (|| {
            let key_end = json::string_end(text, at)?;
            let start = json::skip_space(text, json::key_end(text, at)?);
            let end = json::value_end(text, start)?;
            Some((text.get(at..key_end)?, text.get(start..end)?, end))
        })();
        let Some((name, value, end)) = member else { break };
        if is_string(name, key) {
            found = Some(value);
            // Of a json object's members of one name the last counts.
            if dialect == Dialect::Jsonb {
                break;
            }
        }
        at = json::skip_space(text, end);
        if text.get(at) == Some(&b',') {
            at = json::skip_space(text, at + 1);
        }
    }
    Ok(found)
}

/// The text of element `index` of an array, counted from the end where it is negative.
pub(super) fn element(
    dialect: Dialect,
    text: &[u8],
    index: i64,
) -> Result<Option<&[u8]>, EvalError> {
    check_escapes(dialect, text)?;
    let at = json::skip_space(text, 0);
    match text.get(at) {
        Some(b'[') => {}
        Some(b'{') | None => return Ok(None),
        // jsonb keeps a lone scalar as an array of one.
        Some(_) if dialect == Dialect::Jsonb => {
            return Ok(matches!(index, 0 | -1).then_some(text));
        }
        Some(_) => return Ok(None),
    }
    let mut elements = Vec::new();
    let mut at = json::skip_space(text, at + 1);
    while let Some(end) = json::value_end(text, at) {
        elements.push(&text[at..end]);
        if index >= 0 && elements.len() as i64 > index {
            break;
        }
        at = json::skip_space(text, end);
        match text.get(at) {
            Some(b',') => at = json::skip_space(text, at + 1),
            _ => break,
        }
    }
    let place = if index < 0 { index + elements.len() as i64 } else { index };
    Ok(usize::try_from(place).ok().and_then(|place| elements.get(place).copied()))
}

/// A document as text: a string without its quotes, null as SQL null.
pub(super) fn as_text(document: &[u8]) -> Result<Option<Cow<'_, [u8]>>, EvalError> {
    match document.first() {
        Some(b'"') => string(document).map(Some),
        _ if document == b"null" => Ok(None),
        _ => Ok(Some(Cow::Borrowed(document))),
    }
}

/// Whether two jsonb documents are equal: their texts are, but for zeros at the end of numbers.
pub(super) fn are_equal(a: &[u8], b: &[u8]) -> Result<bool, EvalError> {
    let (mut rest, mut other) = (a, b);
    loop {
        let (token, after) = token(rest);
        let (other_token, other_after) = self::token(other);
        let is_number = |text: &[u8]| matches!(text.first(), Some(b'-' | b'0'..=b'9'));
        let same = match (token, other_token) {
            (a, b) if a == b => true,
            (a, b) if is_number(a) && is_number(b) => {
                Numeric::Text(a).compare(&Numeric::Text(b))?.is_eq()
            }
            _ => false,
        };
        if !same || token.is_empty() {
            return Ok(same);
        }
        (rest, other) = (after, other_after);
    }
}

/// A string, a run of what makes up numbers and words, or a single byte; spaces are skipped.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let text = &text[json::skip_space(text, 0)..];
    let length = match text.first() {
        None => 0,
        Some(b'"') => json::string_end(text, 0).unwrap_or(text.len()),
        Some(_) => {
            let word =
                |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
            text.iter().take_while(word).count().max(1)
        }
    };
    text.split_at(length)
}

fn is_string(quoted: &[u8], text: &[u8]) -> bool {
    match quoted.contains(&b'\\') {
        true => string(quoted).is_ok_and(|decoded| *decoded == *text),
        false => quoted.get(1..quoted.len() - 1) == Some(text),
    }
}

/// What a string says.
fn string(quoted: &[u8]) -> Result<Cow<'_, [u8]>, EvalError> {
    if !quoted.contains(&b'\\') {
        let inner = quoted.get(1..quoted.len() - 1).ok_or(EvalError::BadEscape)?;
        return Ok(Cow::Borrowed(inner));
    }
    let decoded: String = serde_json::from_slice(quoted).map_err(|_| EvalError::BadEscape)?;
    match decoded.contains('\0') {
        true => Err(EvalError::BadEscape),
        false => Ok(Cow::Owned(decoded.into_bytes())),
    }
}

/// json keeps escapes that no text can hold, and every look into such a document raises.
fn check_escapes(dialect: Dialect, text: &[u8]) -> Result<(), EvalError> {
    if dialect == Dialect::Jsonb || memchr::memmem::find(text, b"\\u").is_none() {
        return Ok(());
    }
    let mut at = 0;
    while let Some(quote) = memchr::memchr(b'"', text.get(at..).unwrap_or_default()) {
        let start = at + quote;
        let end = json::string_end(text, start).ok_or(EvalError::BadEscape)?;
        string(&text[start..end])?;
        at = end;
    }
    Ok(())
}

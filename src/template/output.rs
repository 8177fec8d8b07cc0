//! Rendering, and whether what came out is one JSON value.

use std::io::{self, Write};

use bytes::Bytes;
use minijinja::{Environment, Error, ErrorKind, Template, Value};
use serde::de::IgnoredAny;

use super::place::Place;
use super::{NAME, RenderError};

/// How deep the result may be nested: what PostgreSQL would refuse to read must not get into views.
const DEEPEST: usize = 500;

/// How much of an expression an error repeats.
const LONGEST_EXCERPT: usize = 60;

/// What the template `source` of `environment` makes of `payload`.
pub(super) fn of(
    environment: &Environment<'static>,
    source: &str,
    payload: Value,
    most_bytes: usize,
) -> Result<Bytes, RenderError> {
    let failed = |error: Error| explain(source, &error);
    let template = environment.get_template(NAME).map_err(failed)?;
    let mut out = Limited { bytes: Vec::with_capacity(1024), most_bytes, is_full: false };
    let rendered = template.render_captured_to(payload.clone(), &mut out).map(|_| ());
    if out.is_full {
        let problem = format!("the result is larger than max_event_bytes ({most_bytes})");
        return Err(RenderError { place: Place::default(), problem });
    }
    rendered.map_err(failed)?;
    let result = Bytes::from(out.bytes);
    let result = result.slice_ref(result.trim_ascii());
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&result) {
        let at = offset_of(&result, error.line(), error.column());
        let place = place_of_output(source, &template, payload, at);
        return Err(RenderError { place, problem: not_json(&result, &error) });
    }
    if depth_of(&result) > DEEPEST {
        let problem = format!("the result is nested deeper than {DEEPEST} levels");
        return Err(RenderError { place: Place::default(), problem });
    }
    Ok(result)
}

/// Output that may not grow past a limit.
struct Limited {
    bytes: Vec<u8>,
    most_bytes: usize,
    is_full: bool,
}

impl Write for Limited {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.most_bytes {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The details of most errors repeat values, so they stay out.
fn explain(source: &str, error: &Error) -> RenderError {
    let excerpt = || {
        let expression = error.range().and_then(|range| source.get(range));
        expression.map(|text| format!(" in {}", without_texts(text))).unwrap_or_default()
    };
    let problem = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it does too much and was stopped".to_owned(),
        // Of our own, or a name of the template.
        (ErrorKind::UndefinedError | ErrorKind::BadSerialization, Some(detail)) => {
            detail.to_owned()
        }
        (kind, _) => format!("{kind}{}", excerpt()),
    };
    RenderError { place: Place::of_error(source, error), problem }
}

/// An expression without what stands in its quotes, and not too much of it.
fn without_texts(expression: &str) -> String {
    let mut quote = None;
    let mut is_escaped = false;
    let mut kept = String::new();
    for character in expression.chars() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if character == '\\' => is_escaped = true,
            Some(end) if character == end => {
                quote = None;
                kept.push(character);
            }
            Some(_) => {}
            None => {
                kept.push(character);
                if matches!(character, '"' | '\'') {
                    quote = Some(character);
                    kept.push('…');
                }
            }
        }
        if kept.chars().count() >= LONGEST_EXCERPT {
            kept.push('…');
            break;
        }
    }
    kept
}

fn not_json(result: &[u8], error: &serde_json::Error) -> String {
    if result.is_empty() {
        return "the result is empty, and not JSON".to_owned();
    }
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    format!("the result is not JSON from here on: {what}")
}

/// The byte of `text` at a line and a column as serde_json counts them.
fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    before + column.saturating_sub(1)
}

/// What in the template wrote byte `at` of the trimmed result.
fn place_of_output(source: &str, template: &Template<'_, '_>, payload: Value, at: usize) -> Place {
    let Ok((text, spans)) = template.render_with_spans(payload) else { return Place::default() };
    let at = at + (text.len() - text.trim_ascii_start().len());
    let wrote = spans.iter().find(|span| span.output_range().contains(&at)).or(spans.last());
    wrote.map_or_else(Place::default, |span| {
        let begin = span.source_range().start;
        let within = at.saturating_sub(span.output_range().start);
        let is_raw = span.kind() == minijinja::OutputSpanKind::Raw;
        Place::of_offset(source, if is_raw { begin + within } else { begin })
    })
}

/// The most brackets that are open at once in JSON.
fn depth_of(text: &[u8]) -> usize {
    let (mut open, mut deepest, mut at) = (0usize, 0, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let Some(end) = crate::value::json::string_end(text, at) else { return deepest };
                at = end;
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
        at += 1;
    }
    deepest
}

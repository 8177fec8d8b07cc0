//! Templates of places: what is signed (`{timestamp}.{body}`), and what an id is made of.

use super::super::fault::quoted;
use super::super::table::closest;
use super::place::{Kind, Malformed, Place, Places};

const MOST_PIECES: usize = 64;

/// A piece of signed content, or of an id template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text between the tokens.
    Literal(String),
    /// `{body}`: the raw bytes.
    Body,
    /// `{timestamp}`: as received.
    Timestamp,
    /// `{url}`: the public URL.
    Url,
    /// `{method}`.
    Method,
    /// `{form_sorted}`: name and value of each field, sorted, repeated ones once.
    FormSorted,
    /// `{h:…}`, `{j:…}`, `{f:…}`, `{sig:…}`; several with `|` between are alternatives.
    At(Places),
}

/// What a template may hold.
pub(super) struct Tokens {
    /// Those that stand for themselves.
    pub(super) words: &'static [(&'static str, Piece)],
    /// Places.
    pub(super) kinds: &'static [Kind],
}

/// What is signed.
pub(super) const CONTENT: Tokens = Tokens {
    words: &[
        ("body", Piece::Body),
        ("timestamp", Piece::Timestamp),
        ("url", Piece::Url),
        ("method", Piece::Method),
        ("form_sorted", Piece::FormSorted),
    ],
    kinds: &[Kind::Header, Kind::Json, Kind::Form, Kind::Signature],
};

/// What an id is made of.
pub(super) const ID: Tokens = Tokens { words: &[], kinds: &[Kind::Header, Kind::Json, Kind::Form] };

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    #[error("unknown token {}", quoted(&format!("{{{token}}}")))]
    Token { token: String, known: Vec<&'static str> },
    #[error(transparent)]
    Place(Malformed),
    #[error("a `{{` or `}}` without the other")]
    Brace,
    #[error("the template is empty or too long")]
    Length,
}

impl TemplateError {
    /// What to write instead.
    pub(super) fn fix(&self) -> String {
        match self {
            Self::Token { token, known } => {
                let words: Vec<&str> =
                    known.iter().copied().filter(|word| !word.ends_with(':')).collect();
                if let Some(likely) = closest(token, &words) {
                    return format!("did you mean {{{likely}}}?");
                }
                let written = known.iter().map(|word| match word.ends_with(':') {
                    true => format!("{{{word}…}}"),
                    false => format!("{{{word}}}"),
                });
                format!("take one of {}", written.collect::<Vec<_>>().join(" "))
            }
            Self::Place(error) => error.fix(),
            Self::Brace => "write tokens as in {timestamp}.{body}".to_owned(),
            Self::Length => format!("write 1 to {MOST_PIECES} tokens and texts"),
        }
    }
}

/// Reads a template. What is no token of `tokens` is refused, never taken for text.
pub(super) fn template(text: &str, tokens: &Tokens) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && pieces.len() <= MOST_PIECES {
        let (literal, behind) = rest.split_at(rest.find(['{', '}']).unwrap_or(rest.len()));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        rest = behind;
        if rest.is_empty() {
            break;
        }
        let inside = rest.strip_prefix('{').ok_or(TemplateError::Brace)?;
        let (token, behind) = inside.split_once('}').ok_or(TemplateError::Brace)?;
        pieces.push(piece(token, tokens)?);
        rest = behind;
    }
    match (1..=MOST_PIECES).contains(&pieces.len()) {
        true => Ok(pieces),
        false => Err(TemplateError::Length),
    }
}

fn piece(token: &str, tokens: &Tokens) -> Result<Piece, TemplateError> {
    if let Some((_, piece)) = tokens.words.iter().find(|(word, _)| *word == token) {
        return Ok(piece.clone());
    }
    let places = token.split('|').map(|place| Place::parse(place, tokens.kinds));
    places.collect::<Result<Places, _>>().map(Piece::At).map_err(|error| match error {
        Malformed::NoKind(prefixes) => TemplateError::Token {
            token: token.to_owned(),
            known: tokens.words.iter().map(|(word, _)| *word).chain(prefixes).collect(),
        },
        other => TemplateError::Place(other),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::super::place::Json;
    use super::*;

    fn header(name: &'static str) -> Place {
        Place::Header(HeaderName::from_static(name))
    }

    #[test]
    fn a_template_is_its_tokens_and_the_text_between() {
        let literal = |text: &str| Piece::Literal(text.to_owned());
        for (text, wanted) in [
            ("{timestamp}.{body}", vec![Piece::Timestamp, literal("."), Piece::Body]),
            (
                "v0:{timestamp}:{body}",
                vec![literal("v0:"), Piece::Timestamp, literal(":"), Piece::Body],
            ),
            ("{url}{form_sorted}", vec![Piece::Url, Piece::FormSorted]),
            (
                "{method}{h:a|h:b}{sig:t}",
                vec![
                    Piece::Method,
                    Piece::At(vec![header("a"), header("b")]),
                    Piece::At(vec![Place::Signature("t".to_owned())]),
                ],
            ),
            (
                "{j:a.b}{f:c}",
                vec![
                    Piece::At(vec![Place::Json(Json::parse("a.b").unwrap())]),
                    Piece::At(vec![Place::Form("c".to_owned())]),
                ],
            ),
        ] {
            assert_eq!(template(text, &CONTENT), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn a_token_that_nobody_knows_is_refused_with_the_likely_one() {
        for (text, tokens, fix) in [
            ("{boddy}", &CONTENT, "did you mean {body}?"),
            (
                "{ts}",
                &CONTENT,
                "take one of {body} {timestamp} {url} {method} {form_sorted} {h:…} {j:…} {f:…} {sig:…}",
            ),
            (
                "{h:a|b}",
                &CONTENT,
                "take one of {body} {timestamp} {url} {method} {form_sorted} {h:…} {j:…} {f:…} {sig:…}",
            ),
            ("{}", &ID, "take one of {h:…} {j:…} {f:…}"),
            ("{body}", &ID, "take one of {h:…} {j:…} {f:…}"),
            ("{sig:t}", &ID, "take one of {h:…} {j:…} {f:…}"),
        ] {
            let error = template(text, tokens).expect_err(text);
            assert_eq!(error.fix(), fix, "{text}");
        }
    }

    #[test]
    fn braces_come_in_pairs_and_templates_have_bounds() {
        for text in ["{body", "body}", "{{body}}", "a}b{"] {
            assert!(template(text, &CONTENT).is_err(), "{text}");
        }
        assert_eq!(template("", &CONTENT), Err(TemplateError::Length));
        assert_eq!(template(&"{body}".repeat(65), &CONTENT), Err(TemplateError::Length));
        assert_eq!(template("{h:a b}", &CONTENT), Err(TemplateError::Place(Malformed::HeaderName)));
    }
}

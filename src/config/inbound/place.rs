//! Where a text stands in a request: `h:X-Signature`, `j:data.id`, `f:token`, `sig:t`, `=text`.

use http::HeaderName;

/// Longer names and paths are mistakes.
const LONGEST_BYTES: usize = 255;
const MOST_STEPS: usize = 32;

/// A dotted path into JSON; a number is an index where it meets a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub Vec<String>);

/// Where a text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `h:Name`: a header.
    Header(HeaderName),
    /// `j:path`: a text or number in the JSON that the event (or, for signatures, the body) is.
    Json(Json),
    /// `f:name`: a field of a form, never of a file.
    Form(String),
    /// `sig:key`: an element of the signature header's list.
    Signature(String),
    /// `=text`: the text itself.
    Constant(String),
}

/// Places of which the first that is there and not empty counts.
pub type Places = Vec<Place>;

/// What kind of place a text may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Json,
    Form,
    Signature,
    Constant,
}

/// Why a text is no place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the text does not say where to look")]
    NoKind(Vec<&'static str>),
    #[error("not a header's name")]
    HeaderName,
    #[error("not a dotted path into JSON")]
    Path,
    #[error("not the name of a form's field")]
    Field,
    #[error("not the label of an element of the signature header")]
    Label,
    #[error("nothing after =")]
    Constant,
}

impl Malformed {
    /// What to write instead.
    pub(super) fn fix(&self) -> String {
        match self {
            Self::NoKind(prefixes) => {
                let examples = prefixes.iter().map(|prefix| match *prefix {
                    "h:" => "\"h:Header-Name\"",
                    "j:" => "\"j:path.in.json\"",
                    "f:" => "\"f:form_field\"",
                    "sig:" => "\"sig:t\"",
                    _ => "\"=constant\"",
                });
                format!("write {}", examples.collect::<Vec<_>>().join(" or "))
            }
            Self::HeaderName => "write it as in h:X-Signature, without blanks or colons".to_owned(),
            Self::Path => "write names between single dots, as in data.object.id".to_owned(),
            Self::Field => "write the field's name, as in f:token".to_owned(),
            Self::Label => "write the label alone, as in sig:t".to_owned(),
            Self::Constant => "write the text after it, as in \"=inbound\"".to_owned(),
        }
    }
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Header => "h:",
            Self::Json => "j:",
            Self::Form => "f:",
            Self::Signature => "sig:",
            Self::Constant => "=",
        }
    }
}

impl Json {
    /// Reads `data.object.id`.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let steps: Vec<String> = text.split('.').map(str::to_owned).collect();
        let good = |step: &String| {
            !step.is_empty() && step.trim() == step && !step.chars().any(char::is_control)
        };
        match text.len() <= LONGEST_BYTES && steps.len() <= MOST_STEPS && steps.iter().all(good) {
            true => Ok(Self(steps)),
            false => Err(Malformed::Path),
        }
    }
}

impl Place {
    /// Reads a place of one of `kinds`.
    pub(super) fn parse(text: &str, kinds: &[Kind]) -> Result<Self, Malformed> {
        let kind = kinds.iter().find(|kind| text.starts_with(kind.prefix()));
        let Some(kind) = kind else {
            return Err(Malformed::NoKind(kinds.iter().map(|kind| kind.prefix()).collect()));
        };
        let rest = &text[kind.prefix().len()..];
        let name = (1..=LONGEST_BYTES).contains(&rest.len()) && !rest.chars().any(char::is_control);
        match kind {
            Kind::Header => HeaderName::from_bytes(rest.as_bytes())
                .map(Self::Header)
                .map_err(|_| Malformed::HeaderName),
            Kind::Json => Json::parse(rest).map(Self::Json),
            Kind::Form if name && rest.trim() == rest => Ok(Self::Form(rest.to_owned())),
            Kind::Form => Err(Malformed::Field),
            Kind::Signature if is_label(rest) => Ok(Self::Signature(rest.to_owned())),
            Kind::Signature => Err(Malformed::Label),
            Kind::Constant if name => Ok(Self::Constant(rest.to_owned())),
            Kind::Constant => Err(Malformed::Constant),
        }
    }
}

/// Whether `text` can label an element of a signature header.
pub(super) fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=LONGEST_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Kind] = &[Kind::Header, Kind::Json, Kind::Form, Kind::Signature, Kind::Constant];

    fn header(name: &'static str) -> Place {
        Place::Header(HeaderName::from_static(name))
    }

    fn json(steps: &[&str]) -> Place {
        Place::Json(Json(steps.iter().map(|step| (*step).to_owned()).collect()))
    }

    #[test]
    fn a_place_says_what_it_looks_in() {
        for (text, wanted) in [
            ("h:X-Signature", header("x-signature")),
            ("j:event-data.0.id", json(&["event-data", "0", "id"])),
            ("f:Message-Id", Place::Form("Message-Id".to_owned())),
            ("f:data[companyId]", Place::Form("data[companyId]".to_owned())),
            ("sig:t", Place::Signature("t".to_owned())),
            ("=inbound", Place::Constant("inbound".to_owned())),
            ("=h:x", Place::Constant("h:x".to_owned())),
        ] {
            assert_eq!(Place::parse(text, ALL), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        let long = format!("j:{}", "a.".repeat(40));
        for (text, wanted) in [
            ("h:X Signature", Malformed::HeaderName),
            ("h:", Malformed::HeaderName),
            ("h:a:b", Malformed::HeaderName),
            ("j:", Malformed::Path),
            ("j:a..b", Malformed::Path),
            ("j: a", Malformed::Path),
            (&long, Malformed::Path),
            ("f:", Malformed::Field),
            ("f: a", Malformed::Field),
            ("sig:a b", Malformed::Label),
            ("=", Malformed::Constant),
        ] {
            assert_eq!(Place::parse(text, ALL), Err(wanted), "{text}");
        }
        for text in ["", "id", "H:X", "x:y"] {
            assert!(matches!(Place::parse(text, ALL), Err(Malformed::NoKind(_))), "{text}");
        }
        let nowhere = Place::parse("sig:t", &[Kind::Header, Kind::Json]);
        assert_eq!(nowhere, Err(Malformed::NoKind(vec!["h:", "j:"])));
    }
}

//! The mistakes that make signatures fail, each as a change after which one would match.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::inbound::{
    Code, Encoding, Hash, KeyBytes, Material, Piece, Place, Proof, Scheme, Source,
};
use crate::inbound::encoding::{from_base64, from_hex, hex};
use crate::inbound::json::Json;
use crate::inbound::verdict::Request;

/// A change to a source and a request.
pub(super) struct Change {
    /// What it changes, after "it would match".
    pub(super) text: &'static str,
    /// Makes it; false if there is nothing to change.
    pub(super) apply: Apply,
}

type Apply = Box<dyn Fn(&mut Source, &mut Request) -> bool>;

/// Changes in groups; two of one group make no sense together.
pub(super) fn groups() -> Vec<Vec<Change>> {
    vec![bodies(), keys(), contents(), urls(), encodings()]
}

fn bodies() -> Vec<Change> {
    let change = |text, edit: fn(&[u8]) -> Option<Vec<u8>>| Change {
        text,
        apply: Box::new(move |_, request| {
            let Some(edited) = edit(&request.body) else { return false };
            let changed = edited != request.body;
            request.body = edited.into();
            changed
        }),
    };
    vec![
        change("without the final newline of the body", |body| {
            let bare = body.strip_suffix(b"\n")?;
            Some(bare.strip_suffix(b"\r").unwrap_or(bare).to_vec())
        }),
        change("with a newline at the end of the body", |body| Some([body, b"\n"].concat())),
        change("with CR LF at the end of the body", |body| Some([body, b"\r\n"].concat())),
        change("with the body's line ends as LF", |body| Some(without_cr(body))),
        change("with the body's line ends as CR LF", |body| {
            let lines: Vec<Vec<u8>> =
                without_cr(body).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            Some(lines.join(&b"\r\n"[..]))
        }),
        change("with the white space between the JSON's values left out", |body| {
            let compacted = Json::parse(body).map(|_| compact(body))?;
            // White space around the value is another mistake.
            (compacted != body.trim_ascii()).then_some(compacted)
        }),
        change("without the body's byte order mark", |body| {
            body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec)
        }),
    ]
}

fn without_cr(body: &[u8]) -> Vec<u8> {
    let follows = |at: usize| body.get(at + 1) == Some(&b'\n');
    let kept = body.iter().enumerate().filter(|(at, byte)| **byte != b'\r' || !follows(*at));
    kept.map(|(_, byte)| *byte).collect()
}

fn compact(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let kept = json.iter().filter(|byte| {
        let keep = in_string || !byte.is_ascii_whitespace();
        match byte {
            b'"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && **byte == b'\\' && !escaped;
        keep
    });
    kept.copied().collect()
}

fn keys() -> Vec<Change> {
    let change = |text, edit: fn(&[u8]) -> Option<Vec<u8>>| Change {
        text,
        apply: Box::new(move |source, _| change_keys(source, edit)),
    };
    vec![
        change("with the secret read as base64", |key| {
            from_base64(key.strip_prefix(PREFIX).unwrap_or(key).trim_ascii())
        }),
        change("with the secret read as hex", |key| from_hex(key.trim_ascii())),
        change("with the secret's text itself, not the bytes that its base64 stands for", |key| {
            Some(STANDARD.encode(key).into_bytes())
        }),
        change("with the secret's text itself and whsec_ before it", |key| {
            Some([PREFIX, STANDARD.encode(key).as_bytes()].concat())
        }),
        change("with the secret's text itself, not the bytes that its hex stands for", |key| {
            Some(hex(key).into_bytes())
        }),
        change("with the secret's text itself, its hex in capitals", |key| {
            Some(hex(key).to_ascii_uppercase().into_bytes())
        }),
        change("with the secret without its whsec_", |key| {
            key.strip_prefix(PREFIX).map(<[u8]>::to_vec)
        }),
        change("with whsec_ before the secret", |key| {
            (!key.starts_with(PREFIX)).then(|| [PREFIX, key].concat())
        }),
        change("with the white space around the secret left out", |key| {
            Some(key.trim_ascii().to_vec())
        }),
        change("with a newline at the end of the secret", |key| Some([key, b"\n"].concat())),
    ]
}

const PREFIX: &[u8] = b"whsec_";

fn change_keys(source: &mut Source, edit: impl Fn(&[u8]) -> Option<Vec<u8>>) -> bool {
    let mut changed = false;
    let mut one = |key: &mut KeyBytes| {
        if let Some(bytes) = edit(&key.0).filter(|bytes| !bytes.is_empty() && *bytes != key.0) {
            key.0 = bytes;
            changed = true;
        }
    };
    match &mut source.proof {
        Proof::Code(Code::Adyen { keys }) => keys.iter_mut().for_each(one),
        Proof::Code(_) => {}
        Proof::Signed(schemes) => {
            for key in schemes.iter_mut().flat_map(|scheme| &mut scheme.keys) {
                match &mut key.material {
                    Material::Hmac(_, bytes) | Material::Token(bytes) => one(bytes),
                    Material::Ed25519(_) | Material::EcdsaP256(_) | Material::Basic(_) => {}
                }
            }
        }
    }
    changed
}

/// A change to every scheme.
fn of_schemes(text: &'static str, edit: impl Fn(&mut Scheme) -> bool + 'static) -> Change {
    Change {
        text,
        apply: Box::new(move |source, _| {
            let Proof::Signed(schemes) = &mut source.proof else { return false };
            let changes: Vec<bool> = schemes.iter_mut().map(&edit).collect();
            changes.contains(&true)
        }),
    }
}

fn contents() -> Vec<Change> {
    let literal = |text: &str| Piece::Literal(text.to_owned());
    let header = |name| Place::Header(http::HeaderName::from_static(name));
    let id = Piece::At(vec![header("webhook-id"), header("svix-id")]);
    let (body, timestamp, url) = (Piece::Body, Piece::Timestamp, Piece::Url);
    let templates = [
        ("if the body alone were signed", vec![body.clone()]),
        ("if timestamp.body were signed", vec![timestamp.clone(), literal("."), body.clone()]),
        (
            "if timestamp and body were signed, with nothing between",
            vec![timestamp.clone(), body.clone()],
        ),
        (
            "if body and timestamp were signed, with nothing between",
            vec![body.clone(), timestamp.clone()],
        ),
        ("if body.timestamp were signed", vec![body.clone(), literal("."), timestamp.clone()]),
        ("if timestamp:body were signed", vec![timestamp.clone(), literal(":"), body.clone()]),
        (
            "if v0:timestamp:body were signed",
            vec![literal("v0:"), timestamp.clone(), literal(":"), body.clone()],
        ),
        (
            "if id.timestamp.body were signed",
            vec![id, literal("."), timestamp, literal("."), body.clone()],
        ),
        ("if URL and body were signed", vec![url, body]),
    ];
    let change = |(text, content): (&'static str, Vec<Piece>)| {
        of_schemes(text, move |scheme| {
            let timed = scheme.timestamp.is_some() || !content.contains(&Piece::Timestamp);
            let signs = !scheme.content.is_empty();
            let changes = timed && signs && scheme.content != content;
            if changes {
                scheme.content.clone_from(&content);
            }
            changes
        })
    };
    templates.into_iter().map(change).collect()
}

fn urls() -> Vec<Change> {
    let change = |text, edit: fn(&str) -> String| Change {
        text,
        apply: Box::new(move |source, _| {
            let Some(url) = &mut source.public_url else { return false };
            let edited = edit(url);
            let changes = edited != *url;
            *url = edited;
            changes
        }),
    };
    vec![
        change("if public_url ended in a slash, or did not", other_slash),
        change("if public_url had the other of http and https", other_scheme),
        change("if public_url had the other of http and https, and the other ending", |url| {
            other_slash(&other_scheme(url))
        }),
        change("if public_url had no query", |url| {
            url.split('?').next().unwrap_or_default().to_owned()
        }),
        Change {
            text: "if the request had no query",
            apply: Box::new(|source, request| {
                let path = request.target.split('?').next().unwrap_or_default().to_owned();
                let changes = source.public_url.is_some() && path != request.target;
                request.target = path;
                changes
            }),
        },
    ]
}

fn other_slash(url: &str) -> String {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    match path.strip_suffix('/') {
        Some(bare) => format!("{bare}{query}"),
        None => format!("{path}/{query}"),
    }
}

fn other_scheme(url: &str) -> String {
    match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => format!("http://{rest}"),
        (_, Some(rest)) => format!("https://{rest}"),
        _ => url.to_owned(),
    }
}

fn encodings() -> Vec<Change> {
    let encoding = |text, from, to| {
        of_schemes(text, move |scheme| {
            let changes = scheme.signature.encoding == from;
            if changes {
                scheme.signature.encoding = to;
            }
            changes
        })
    };
    let hash = |text, to| {
        of_schemes(text, move |scheme| {
            let mut changed = false;
            for key in &mut scheme.keys {
                if let Material::Hmac(hash, _) = &mut key.material {
                    changed |= *hash != to;
                    *hash = to;
                }
            }
            changed
        })
    };
    vec![
        encoding("if the signature were read as base64", Encoding::Hex, Encoding::Base64),
        encoding("if the signature were read as hex", Encoding::Base64, Encoding::Hex),
        of_schemes("if the signature had no prefix", |scheme| {
            !std::mem::take(&mut scheme.signature.prefix).is_empty()
        }),
        hash("as HMAC-SHA1", Hash::Sha1),
        hash("as HMAC-SHA256", Hash::Sha256),
        hash("as HMAC-SHA512", Hash::Sha512),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_left_out_between_values_only() {
        let json = br#" { "a \" b" : [ 1 , "c\\" , " " ] } "#;
        assert_eq!(compact(json), br#"{"a \" b":[1,"c\\"," "]}"#);
    }

    #[test]
    fn only_line_ends_lose_their_carriage_return() {
        assert_eq!(without_cr(b"a\r\nb\rc\n\r"), b"a\nb\rc\n\r");
    }

    #[test]
    fn a_slash_stands_before_the_query() {
        assert_eq!(other_slash("https://a/x?y"), "https://a/x/?y");
        assert_eq!(other_slash("https://a/x/"), "https://a/x");
        assert_eq!(other_scheme("http://a"), "https://a");
    }
}

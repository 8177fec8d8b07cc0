//! Requests of a provider's set-up. They are answered and never stored.

use subtle::ConstantTimeEq;

use super::arrival::Arrival;
use super::key::PreparedKey;
use super::sns;
use crate::config::inbound::{Handshake, Source};
use crate::inbound::body::Body;
use crate::inbound::encoding::sha256;
use crate::inbound::form::Form;
use crate::inbound::json::{Json, Scalar};
use crate::inbound::verdict::{Handshaken, Reason, Rejection, Request};

/// Challenges and tokens are short and printable; anything else is not echoed.
const LONGEST_ECHO: usize = 512;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers Meta's GET, which is unsigned and shows a token instead.
pub(super) fn of_get(source: &Source, request: &Request) -> Result<Handshaken, Rejection> {
    if source.handshake != Handshake::Meta {
        return Err(Rejection::because(Reason::MissingSignature, "GET brings no events"));
    }
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let query = Form::urlencoded(query.as_bytes()).unwrap_or_default();
    let one = |name: &str| {
        let text = query.texts(name.as_bytes()).next().filter(|text| !text.is_empty());
        let missing = || Rejection::because(Reason::MissingField, format!("no {name} in the URL"));
        text.ok_or_else(missing)
    };
    if one("hub.mode")? != b"subscribe" {
        return Err(Rejection::because(Reason::MissingField, "hub.mode is not subscribe"));
    }
    let challenge = one("hub.challenge")?;
    let token = sha256(one("hub.verify_token")?);
    let ours = source.verify_token.as_ref().map(|ours| sha256(ours.expose().as_bytes()));
    if !ours.is_some_and(|ours| ours.as_ref().ct_eq(token.as_ref()).into()) {
        let what = "hub.verify_token is not the source's verify_token";
        return Err(Rejection::because(Reason::BadCredentials, what));
    }
    let challenge = std::str::from_utf8(challenge).ok().and_then(printable).ok_or_else(|| {
        Rejection::because(Reason::MissingField, "hub.challenge is nothing to repeat")
    })?;
    Ok(answer(challenge.to_owned(), TEXT))
}

/// Answers Gusto's request, which nothing proves: only while the operator waits for it, and only
/// if it is nothing else. An event could otherwise pass for it, and be lost.
pub(super) fn unsigned(source: &Source, arrival: &Arrival<'_>) -> Option<Handshaken> {
    if source.handshake != Handshake::Gusto || !source.handshake_pending {
        return None;
    }
    let Ok(Body::Json(body)) = arrival.body() else { return None };
    let mut members = body.members();
    let (name, value) = members.next()?;
    if name != "verification_token" || members.next().is_some() {
        return None;
    }
    let Scalar::Text(token) = value.scalar() else { return None };
    let token = printable(&token)?;
    let tell = format!(
        "Gusto asks to verify the subscription: PUT its verification_token back, and make it \
         the source's secret: {token}"
    );
    Some(Handshaken { tell: Some(tell), ..answer(r#"{"status":"handshake"}"#.to_owned(), JSON) })
}

/// Answers requests that the provider has signed as it signs events.
pub(super) fn signed(
    source: &Source,
    body: &Body<'_>,
    key: Option<&PreparedKey>,
) -> Result<Option<Handshaken>, Rejection> {
    let Body::Json(body) = body else { return Ok(None) };
    match source.handshake {
        Handshake::Slack => Ok(slack(*body)),
        Handshake::Discord => Ok(discord(*body)),
        Handshake::Zoom => Ok(zoom(*body, key)),
        Handshake::Sns => sns(source, *body),
        Handshake::None | Handshake::Head | Handshake::Meta | Handshake::Gusto => Ok(None),
    }
}

fn slack(body: Json<'_>) -> Option<Handshaken> {
    let challenge = text(body, &["challenge"])?;
    let ours = text(body, &["type"])? == "url_verification";
    Some(answer(printable(&challenge).filter(|_| ours)?.to_owned(), TEXT))
}

fn discord(body: Json<'_>) -> Option<Handshaken> {
    let kind = body.at(&["type".to_owned()])?.scalar();
    (kind == Scalar::Number("1")).then(|| answer(r#"{"type":1}"#.to_owned(), JSON))
}

fn zoom(body: Json<'_>, key: Option<&PreparedKey>) -> Option<Handshaken> {
    let ours = text(body, &["event"])? == "endpoint.url_validation";
    let plain = text(body, &["payload", "plainToken"])?;
    let plain = printable(&plain).filter(|_| ours)?;
    let encrypted = key?.hmac_hex(plain)?;
    let plain = Json::quoted(plain);
    Some(answer(format!(r#"{{"plainToken":{plain},"encryptedToken":"{encrypted}"}}"#), JSON))
}

/// Its signature and topic have been checked. Unless the operator waits for it, the URL is not
/// fetched, and no harm is done by having answered.
fn sns(source: &Source, body: Json<'_>) -> Result<Option<Handshaken>, Rejection> {
    if text(body, &["Type"]).as_deref() != Some("SubscriptionConfirmation") {
        return Ok(None);
    }
    let handshaken = answer(r#"{"status":"handshake"}"#.to_owned(), JSON);
    if !source.handshake_pending {
        let tell = "Amazon SNS asks to confirm the subscription: set handshake_pending = true and \
                    request the confirmation again";
        return Ok(Some(Handshaken { tell: Some(tell.to_owned()), ..handshaken }));
    }
    let url = text(body, &["SubscribeURL"]).unwrap_or_default();
    let confirm = sns::subscribe_url(&url).ok_or_else(|| {
        let what = "SubscribeURL in the body does not lead to Amazon";
        Rejection::because(Reason::BadCertUrl, what)
    })?;
    Ok(Some(Handshaken { confirm: Some(confirm), ..handshaken }))
}

fn answer(body: String, content_type: &'static str) -> Handshaken {
    Handshaken { body, content_type, confirm: None, tell: None }
}

fn text(body: Json<'_>, path: &[&str]) -> Option<String> {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    match body.at(&path)?.scalar() {
        Scalar::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn printable(text: &str) -> Option<&str> {
    let plain =
        (1..=LONGEST_ECHO).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then_some(text)
}

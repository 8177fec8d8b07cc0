//! Requests signed as a declaration says.

use http::HeaderMap;

use super::Proven;
use super::arrival::Arrival;
use super::candidates::{Candidate, Candidates, Search};
use super::content::Content;
use super::key::PreparedKey;
use super::timestamp::Stamp;
use super::url;
use crate::config::inbound::{
    Encoding, Hash, Key, Material, Piece, Place, Quirk, Scheme, TimestampFrom,
};
use crate::inbound::body;
use crate::inbound::locate::{Locator, describe_all};
use crate::inbound::split::storable;
use crate::inbound::verdict::{Reason, Rejection};

/// A scheme with its keys prepared, and what follows from its declaration.
pub(super) struct PreparedScheme {
    scheme: Scheme,
    keys: Vec<PreparedKey>,
    /// The same keys for HMAC-SHA256, where a header may ask for it.
    sha256_keys: Vec<PreparedKey>,
    /// Whether the signature or what it signs stands in the body.
    reads_body: bool,
    /// Whether the time stands in the body and is signed with it only.
    late_timestamp: bool,
    /// Whether elements of the signature's list have other meanings.
    has_named: bool,
    /// Whether keys are shown and not used to sign.
    is_credential: bool,
}

impl PreparedScheme {
    pub(super) fn new(scheme: &Scheme) -> Self {
        let mut scheme = scheme.clone();
        let is_basic = scheme.keys.iter().any(|key| matches!(key.material, Material::Basic(_)));
        if is_basic {
            "Basic ".clone_into(&mut scheme.signature.prefix);
            scheme.signature.encoding = Encoding::Base64;
        }
        let is_credential =
            |key: &Key| matches!(key.material, Material::Basic(_) | Material::Token(_));
        let in_content = || {
            scheme.content.iter().flat_map(|piece| match piece {
                Piece::At(places) => places.as_slice(),
                _ => &[],
            })
        };
        let signs_time = scheme.content.contains(&Piece::Timestamp);
        let timed = || scheme.timestamp.iter().flat_map(|timestamp| &timestamp.from);
        let reads_body = scheme.signature.from.iter().any(is_in_body)
            || in_content().any(is_in_body)
            || (signs_time && timed().any(is_in_body));
        let is_named = |place: &Place| matches!(place, Place::Signature(_));
        Self {
            reads_body,
            late_timestamp: !reads_body && timed().any(is_in_body),
            has_named: in_content().chain(timed()).chain(&scheme.replay).any(is_named),
            is_credential: scheme.keys.iter().all(is_credential),
            keys: scheme.keys.iter().map(PreparedKey::new).collect(),
            sha256_keys: sha256_keys(&scheme),
            scheme,
        }
    }

    /// Proves a request; `None` if it has no signature of this scheme.
    fn prove<'v>(&'v self, arrival: &Arrival<'_>) -> Result<Option<Proven<'v>>, Rejection> {
        let locator = if self.reads_body { arrival.whole()? } else { arrival.headers() };
        let search = Search {
            from: &self.scheme.signature,
            numbered: self.scheme.quirk == Some(Quirk::NumberedHeaders),
            has_named: self.has_named,
        };
        let found = search.find(&arrival.request.headers, &locator);
        let Some(candidates) = found.map_err(|rejection| self.of_credentials(rejection))? else {
            return Ok(None);
        };
        let locator = locator.with_list(&candidates.elements);
        let early = self.scheme.timestamp.as_ref().filter(|_| !self.late_timestamp);
        let stamp = early.map(|from| Stamp::find(from, &locator)).transpose()?;
        let skew = stamp.as_ref().map(|stamp| stamp.skew_seconds(arrival.now_ms));
        let signed = self.match_key(&candidates, stamp.as_ref(), arrival, locator);
        let key = signed.map_err(|rejection| rejection.with_skew(skew))?;
        let late = self.scheme.timestamp.as_ref().filter(|_| self.late_timestamp);
        let stamp = match late {
            Some(from) => Some(Stamp::find(from, &arrival.whole()?)?),
            None => stamp,
        };
        let skew_seconds = stamp.as_ref().map(|stamp| stamp.skew_seconds(arrival.now_ms));
        let replay = check_time(self.scheme.timestamp.as_ref(), stamp.as_ref(), arrival.now_ms)
            .and_then(|()| self.replay(arrival, locator))
            .map_err(|rejection| rejection.with_skew(skew_seconds))?;
        Ok(Some(Proven { replay, skew_seconds, key: Some(key) }))
    }

    /// The key that made one of the signatures.
    fn match_key<'v, 'a>(
        &'v self,
        candidates: &Candidates<'a>,
        stamp: Option<&'a Stamp<'a>>,
        arrival: &'a Arrival<'_>,
        locator: Locator<'a>,
    ) -> Result<&'v PreparedKey, Rejection> {
        let timestamp = stamp.map(|stamp| stamp.text.as_ref());
        let content = Content::resolve(&self.scheme.content, timestamp, arrival, &locator)?;
        let urls = match (content.has_url(), arrival.public_url) {
            (false, _) => vec![String::new()],
            (true, Some(public)) => {
                url::spellings(public, &arrival.request.target, self.scheme.quirk)
            }
            (true, None) => return Err(Rejection::because(Reason::MissingField, "no public_url")),
        };
        let keys = self.keys_for(&arrival.request.headers)?;
        let decoded = candidates.decode().map_err(|rejection| self.of_credentials(rejection))?;
        for key in keys {
            let for_key = || of_version(&decoded, key);
            let signed = urls.iter().find(|url| key.matches(&content, url, for_key()));
            if let Some(url) = signed {
                self.check_binding(url, arrival)?;
                return Ok(key);
            }
        }
        Err(self.of_credentials(Rejection::of(Reason::BadSignature)))
    }

    /// Twilio signs a form with the URL, and of other bodies only a hash in the URL.
    fn check_binding(&self, url: &str, arrival: &Arrival<'_>) -> Result<(), Rejection> {
        if self.scheme.quirk != Some(Quirk::Twilio) || body::is_form(arrival.request) {
            return Ok(());
        }
        match url::binds_body(url, &arrival.request.body) {
            Some(true) => Ok(()),
            Some(false) => {
                let what = "bodySHA256 in the URL is not the hash of the body";
                Err(Rejection::because(Reason::BadSignature, what))
            }
            None => Err(Rejection::because(Reason::MissingField, "no bodySHA256 in the URL")),
        }
    }

    /// A header may ask for a better algorithm than the declared one, never for a worse.
    fn keys_for(&self, headers: &HeaderMap) -> Result<&[PreparedKey], Rejection> {
        const SETTINGS: &str = "x-twilio-webhooks-signature-settings";
        let Some(settings) = headers.get(SETTINGS).filter(|_| !self.sha256_keys.is_empty()) else {
            return Ok(&self.keys);
        };
        let settings = settings.to_str().unwrap_or_default();
        let pairs = settings.split(',').filter_map(|pair| pair.trim().split_once('='));
        let named = pairs.filter(|(name, _)| name.trim() == "algorithm");
        let mut named = named.map(|(_, value)| value.trim().to_ascii_uppercase());
        match (named.next().as_deref(), named.next()) {
            (None | Some("HMAC_SHA1"), None) => Ok(&self.keys),
            (Some("HMAC_SHA256"), None) => Ok(&self.sha256_keys),
            _ => {
                let what = format!("header {SETTINGS} names no algorithm that we know");
                Err(Rejection::because(Reason::MalformedSignature, what))
            }
        }
    }

    /// The value for one use. It is looked for once the signature holds.
    fn replay(
        &self,
        arrival: &Arrival<'_>,
        locator: Locator<'_>,
    ) -> Result<Option<String>, Rejection> {
        let Some(place) = &self.scheme.replay else { return Ok(None) };
        let found =
            if is_in_body(place) { arrival.whole()?.find(place) } else { locator.find(place) };
        match found.bytes() {
            Some(value) => Ok(Some(storable(&String::from_utf8_lossy(&value)))),
            None => {
                let missing = format!("no {}", describe_all(std::slice::from_ref(place)));
                Err(Rejection::because(Reason::MissingField, missing))
            }
        }
    }

    /// Tokens and passwords are not signatures, and wrong is all that they can be.
    fn of_credentials(&self, rejection: Rejection) -> Rejection {
        match rejection.reason {
            Reason::BadSignature | Reason::MalformedSignature if self.is_credential => {
                Rejection { reason: Reason::BadCredentials, ..rejection }
            }
            _ => rejection,
        }
    }
}

/// Proves a request by the first scheme whose signature it has.
pub(super) fn prove<'v>(
    schemes: &'v [PreparedScheme],
    arrival: &Arrival<'_>,
) -> Result<Proven<'v>, Rejection> {
    for scheme in schemes {
        if let Some(proven) = scheme.prove(arrival)? {
            return Ok(proven);
        }
    }
    let places: Vec<String> =
        schemes.iter().map(|scheme| describe_all(&scheme.scheme.signature.from)).collect();
    Err(Rejection::because(Reason::MissingSignature, format!("no {}", places.join(" or "))))
}

fn is_in_body(place: &Place) -> bool {
    matches!(place, Place::Json(_) | Place::Form(_))
}

fn of_version<'c>(
    decoded: &'c [Candidate<'_>],
    key: &PreparedKey,
) -> impl Iterator<Item = &'c [u8]> {
    let ours = decoded.iter().filter(|(version, _)| key.is_for(*version));
    ours.map(|(_, bytes)| bytes.as_slice())
}

fn check_time(
    from: Option<&TimestampFrom>,
    stamp: Option<&Stamp<'_>>,
    now_ms: i64,
) -> Result<(), Rejection> {
    match (from, stamp) {
        (Some(from), Some(stamp)) => stamp.check(from, now_ms),
        _ => Ok(()),
    }
}

fn sha256_keys(scheme: &Scheme) -> Vec<PreparedKey> {
    let keys = scheme.keys.iter().filter(|_| scheme.quirk == Some(Quirk::Twilio));
    let hmac = keys.filter_map(|key| match &key.material {
        Material::Hmac(Hash::Sha1, bytes) => Some(PreparedKey::hmac_sha256(bytes)),
        _ => None,
    });
    hmac.collect()
}

//! Amazon SNS: RSA over a fixed list of the message's members.

use super::arrival::Arrival;
use super::certificate::{Pinned, RsaHash, allowed_url};
use super::timestamp;
use super::{Outcome, Proven};
use crate::inbound::body::Body;
use crate::inbound::encoding::from_base64;
use crate::inbound::json::{Json, Scalar};
use crate::inbound::verdict::{Reason, Rejection};

const REQUIRED: [&str; 8] = [
    "Message",
    "MessageId",
    "Timestamp",
    "TopicArn",
    "Type",
    "Signature",
    "SigningCertURL",
    "SignatureVersion",
];
/// What is signed, in this order; what a message does not have is passed over.
const NOTIFICATION: [&str; 6] =
    ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const SUBSCRIPTION: [&str; 7] =
    ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
const LONGEST_SIGNATURE: usize = 8 * 1024;

/// Proves a request, or says which certificate that takes.
pub(super) fn prove<'v>(
    topic_arn: &str,
    pinned: &Pinned,
    fetched: Option<&[u8]>,
    arrival: &Arrival<'_>,
) -> Result<Outcome<'v>, Rejection> {
    let Body::Json(message) = arrival.body()? else {
        return Err(Rejection::because(Reason::BadBody, "the body is not JSON"));
    };
    let is_subscription = matches!(
        member(*message, "Type").as_deref(),
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation")
    );
    let signed: &[&str] = if is_subscription { &SUBSCRIPTION } else { &NOTIFICATION };
    let needed = REQUIRED.iter().chain(if is_subscription { signed } else { &[] });
    if let Some(missing) = needed.into_iter().find(|name| member(*message, name).is_none()) {
        return Err(Rejection::because(Reason::MissingField, format!("no {missing} in the body")));
    }
    let text = |name| member(*message, name).unwrap_or_default();
    let time_ms = timestamp::date(text("Timestamp").as_bytes()).ok_or_else(|| {
        let what = "Timestamp in the body is not a time as RFC 3339 writes it";
        Rejection::because(Reason::MalformedTimestamp, what)
    })?;
    let skew = time_ms.div_euclid(1_000).saturating_sub(arrival.now_ms.div_euclid(1_000));
    let check = || {
        let url = certificate_url(&text("SigningCertURL")).ok_or_else(|| {
            let what = "SigningCertURL in the body does not lead to Amazon's certificates";
            Rejection::because(Reason::BadCertUrl, what)
        })?;
        // Anybody can have Amazon sign messages of a topic of his own.
        if text("TopicArn") != topic_arn {
            return Err(Rejection::because(Reason::BadCredentials, "TopicArn is another topic's"));
        }
        let hash = match text("SignatureVersion").as_str() {
            "1" => RsaHash::Sha1,
            "2" => RsaHash::Sha256,
            _ => {
                let what = "SignatureVersion in the body is neither 1 nor 2";
                return Err(Rejection::because(Reason::MalformedSignature, what));
            }
        };
        let signature = text("Signature");
        if signature.len() > LONGEST_SIGNATURE {
            let what = "Signature in the body is too long";
            return Err(Rejection::because(Reason::HeaderTooLarge, what));
        }
        let signature = from_base64(signature.as_bytes()).ok_or_else(|| {
            let what = "Signature in the body is not padded base64";
            Rejection::because(Reason::MalformedSignature, what)
        })?;
        let Some(key) = pinned.key(fetched, "amazonaws.com", arrival.now_ms)? else {
            return Ok(Outcome::NeedsCertificate(url));
        };
        if !key.verifies(hash, &signed_text(*message, signed), &signature) {
            return Err(Rejection::of(Reason::BadSignature));
        }
        Ok(Outcome::Proven(Proven { skew_seconds: Some(skew), ..Proven::default() }))
    };
    check().map_err(|rejection: Rejection| rejection.with_skew(Some(skew)))
}

/// The URL that confirms a subscription, if it is one of Amazon's.
pub(super) fn subscribe_url(text: &str) -> Option<String> {
    allowed_url(text, is_sns_host, |path| path == "/")
}

fn certificate_url(text: &str) -> Option<String> {
    allowed_url(text, is_sns_host, |path| path.ends_with(".pem")).filter(|url| !url.contains('?'))
}

/// `sns.REGION.amazonaws.com`, in China with `.cn` behind it.
fn is_sns_host(host: &str) -> bool {
    let inner = host.strip_prefix("sns.").and_then(|rest| {
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    inner.is_some_and(|region| {
        region.len() >= 3 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

fn member(message: Json<'_>, name: &str) -> Option<String> {
    match message.at(&[name.to_owned()])?.scalar() {
        Scalar::Text(text) if !text.is_empty() => Some(text.into_owned()),
        _ => None,
    }
}

fn signed_text(message: Json<'_>, names: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    for name in names {
        if let Some(value) = member(message, name) {
            for part in [name.as_bytes(), b"\n", value.as_bytes(), b"\n"] {
                text.extend_from_slice(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_from_amazons_sns_hosts_only() {
        for good in [
            "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
        ] {
            assert_eq!(certificate_url(good).as_deref(), Some(good));
        }
        for bad in [
            "https://sns.us-west-2.amazonaws.com.evil.example/x.pem",
            "https://sns.us.west.amazonaws.com/x.pem",
            "https://sns.us.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            "https://xsns.us-west-2.amazonaws.com/x.pem",
            "https://bucket.s3.amazonaws.com/x.pem",
            "https://sns.us-west-2.amazonaws.com/x.txt",
            "https://sns.us-west-2.amazonaws.com/?Action=Publish&x=.pem",
            "https://sns.us-west-2.amazonaws.com/x.pem?y=.pem",
            "http://sns.us-west-2.amazonaws.com/x.pem",
        ] {
            assert_eq!(certificate_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn subscriptions_are_confirmed_at_amazon_only() {
        let good = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37fb687f5d51e6e241d09c805";
        assert_eq!(subscribe_url(good).as_deref(), Some(good));
        for bad in ["https://169.254.169.254/", "https://sns.us-west-2.amazonaws.com.evil/?Token=1"]
        {
            assert_eq!(subscribe_url(bad), None);
        }
    }
}

//! `signature` and `secrets`: how bodies are signed.

use super::reader::Problem;
use super::value::Value;
use crate::endpoint::Profile;
use crate::secret::Secret;
use crate::sign::{self, Scheme};

/// As many as may live at once while they rotate.
const MOST_SECRETS: usize = 10;
const PREFIX: &str = "whsec_";

const PROFILES: [(&str, Profile); 4] = [
    ("x-webhook", Profile::XWebhook),
    ("standard", Profile::Standard),
    ("body", Profile::Body),
    ("x-signature", Profile::XSignature),
];

/// Reads `signature`.
pub(super) fn read_profiles(value: &Value<'_>) -> Option<Vec<Profile>> {
    let profiles = value.list(PROFILES.len(), |profile| profile.one_of(&PROFILES))?;
    if (1..profiles.len()).any(|at| profiles[..at].contains(&profiles[at])) {
        return value.refuse(Problem::new("a profile is named twice", "name each profile once"));
    }
    if profiles.contains(&Profile::XWebhook) && profiles.contains(&Profile::Body) {
        return value.refuse(Problem::new(
            "`x-webhook` and `body` exclude each other: both set X-Webhook-Signature",
            "keep one of the two",
        ));
    }
    Some(profiles)
}

/// Reads `secrets`, for an endpoint that signs with `profiles`.
pub(super) fn read_secrets(value: &Value<'_>, profiles: &[Profile]) -> Option<Vec<Secret>> {
    value.list(MOST_SECRETS, |value| {
        let secret = value.secret()?;
        if secret.expose().trim_end_matches('=') == PREFIX {
            let fix = "put a key after whsec_, made with: openssl rand -base64 48";
            return value.refuse(Problem::new("the secret is empty but for its prefix", fix));
        }
        match fits(&secret, profiles) {
            true => Some(secret),
            false => value.refuse(Problem::new(
                "what follows `whsec_` is not base64, which the profile `standard` needs",
                "take a secret made with: echo whsec_$(openssl rand -base64 48)",
            )),
        }
    })
}

/// Whether `secret` can be a key for `profiles`.
pub(super) fn fits(secret: &Secret, profiles: &[Profile]) -> bool {
    !profiles.contains(&Profile::Standard) || sign::check_secret(Scheme::Standard, secret).is_ok()
}

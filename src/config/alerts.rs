//! `[alerts]`: who is told of alerts, besides whoever looks at the table.

use super::identifier::{self, FunctionName};
use super::inbound::{ErrorAlert, read_error_alert};
use super::table::Table;
use super::target;
use super::value::Value;
use crate::secret::SecretUrl;

/// Who is told of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerts {
    /// Where each is posted; a chat's URL is the key to it.
    pub url: Option<SecretUrl>,
    /// The function that is called with each.
    pub callback: Option<FunctionName>,
    /// Failed inbound events that raise one.
    pub inbound_errors: ErrorAlert,
}

pub(super) fn read(root: &mut Table<'_>, allow_http: bool) -> Option<Alerts> {
    root.optional("alerts", |value| {
        value.table(|table| {
            let url = table.optional("url", |value| read_url(value, allow_http));
            let inbound_errors = table.optional("inbound_errors", read_error_alert);
            let callback = table.optional("callback", identifier::function_name);
            Some(Alerts { url: url?, callback: callback?, inbound_errors: inbound_errors? })
        })
    })
}

/// Empty is off.
fn read_url(value: &Value<'_>, allow_http: bool) -> Option<Option<SecretUrl>> {
    if value.is_empty_text() {
        return Some(None);
    }
    let text = value.secret_where(holds_key)?;
    target::parse_bare_url(value, text.expose(), allow_http).map(Some)
}

/// Whether a URL has a part that looks like a key. A guess for a warning.
fn holds_key(text: &str) -> bool {
    const SHORTEST_KEY: usize = 16;
    let behind_host = text.splitn(4, '/').nth(3).unwrap_or_default();
    behind_host.split(['/', '?', '&', '=']).any(|part| {
        part.len() >= SHORTEST_KEY
            && !part.contains("${")
            && part.bytes().any(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::holds_key;

    #[test]
    fn urls_with_a_key_in_them_are_told_from_others() {
        for text in [
            "https://hooks.slack.com/services/T0000000/B0000000/XXXXXXXX1XXXXXXXXXXXXXXX",
            "https://chat.example.com/hook?key=0123456789abcdef",
        ] {
            assert!(holds_key(text), "{text}");
        }
        for text in [
            "https://a-rather-long-host-name-1234567890.example.com/alerts",
            "https://chat.example.com/services/${SLACK_KEY_OF_THE_TEAM_1}",
            "http://127.0.0.1:8080/",
        ] {
            assert!(!holds_key(text), "{text}");
        }
    }
}

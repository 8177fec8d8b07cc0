//! libpq's keywords: which there are, which environment variable stands in for each, and what
//! walhook does not support.

use std::collections::HashMap;

use super::DsnError;
use super::syntax::Pair;

/// What a keyword means to walhook.
enum Role {
    /// It is obeyed.
    Obeyed,
    /// It changes nothing for us with these values, and is refused with any other.
    Only(&'static [&'static str], &'static str),
}

use Role::{Obeyed, Only};

/// Keyword, environment variable, role. An empty value counts as not given.
const KEYWORDS: &[(&str, &str, Role)] = &[
    ("host", "PGHOST", Obeyed),
    ("hostaddr", "PGHOSTADDR", Obeyed),
    ("port", "PGPORT", Obeyed),
    ("dbname", "PGDATABASE", Obeyed),
    ("user", "PGUSER", Obeyed),
    ("password", "PGPASSWORD", Obeyed),
    ("passfile", "PGPASSFILE", Obeyed),
    ("sslmode", "PGSSLMODE", Obeyed),
    ("sslrootcert", "PGSSLROOTCERT", Obeyed),
    ("sslcert", "PGSSLCERT", Obeyed),
    ("sslkey", "PGSSLKEY", Obeyed),
    ("sslsni", "PGSSLSNI", Obeyed),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Obeyed),
    ("channel_binding", "PGCHANNELBINDING", Obeyed),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Obeyed),
    ("application_name", "PGAPPNAME", Obeyed),
    ("fallback_application_name", "", Obeyed),
    ("options", "PGOPTIONS", Obeyed),
    ("keepalives", "", Obeyed),
    ("keepalives_idle", "", Obeyed),
    ("keepalives_interval", "", Obeyed),
    ("keepalives_count", "", Obeyed),
    ("tcp_user_timeout", "", Obeyed),
    ("target_session_attrs", "PGTARGETSESSIONATTRS", Obeyed),
    (
        "client_encoding",
        "PGCLIENTENCODING",
        Only(&["auto", "utf8", "utf-8"], "walhook speaks UTF-8"),
    ),
    ("gssencmode", "PGGSSENCMODE", Only(&["disable", "prefer"], "there is no GSSAPI; use TLS")),
    ("krbsrvname", "PGKRBSRVNAME", Only(&[], "there is no GSSAPI; use TLS")),
    ("gsslib", "PGGSSLIB", Only(&[], "there is no GSSAPI; use TLS")),
    ("gssdelegation", "PGGSSDELEGATION", Only(&["0"], "there is no GSSAPI; use TLS")),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", Only(&["disable"], "hosts are tried in order")),
    (
        "require_auth",
        "PGREQUIREAUTH",
        Only(&[], "use sslmode=verify-full and channel_binding=require"),
    ),
    ("requirepeer", "PGREQUIREPEER", Only(&[], "use TLS to know the server")),
    ("replication", "", Only(&[], "walhook sets it itself")),
    ("service", "PGSERVICE", Only(&[], "name host, port and the rest instead")),
    ("servicefile", "PGSERVICEFILE", Only(&[], "name host, port and the rest instead")),
    (
        "sslcertmode",
        "PGSSLCERTMODE",
        Only(&["allow"], "a client certificate is sent if there is one"),
    ),
    ("sslcompression", "PGSSLCOMPRESSION", Only(&["0"], "TLS has no compression any more")),
    ("sslcrl", "PGSSLCRL", Only(&[], "revocation lists are not read")),
    ("sslcrldir", "PGSSLCRLDIR", Only(&[], "revocation lists are not read")),
    ("sslkeylogfile", "", Only(&[], "keys are not logged")),
    ("sslnegotiation", "PGSSLNEGOTIATION", Only(&["postgres"], "TLS is asked for the usual way")),
    ("sslpassword", "", Only(&[], "store the key unencrypted, with mode 0600")),
    (
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Only(&["tlsv1.3"], "the newest common version is used"),
    ),
    ("requiressl", "PGREQUIRESSL", Only(&["0"], "use sslmode=require")),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", Only(&["3.0"], "walhook speaks protocol 3.0")),
    (
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        Only(&["3.0", "3.2", "latest"], "walhook speaks protocol 3.0"),
    ),
    ("scram_client_key", "", Only(&[], "use the password")),
    ("scram_server_key", "", Only(&[], "use the password")),
    ("oauth_issuer", "", Only(&[], "there is no OAuth")),
    ("oauth_client_id", "", Only(&[], "there is no OAuth")),
    ("oauth_client_secret", "", Only(&[], "there is no OAuth")),
    ("oauth_scope", "", Only(&[], "there is no OAuth")),
];

/// Values by keyword, from the connection string and, where that is silent, the environment.
pub(super) struct Values(HashMap<&'static str, String>);

impl Values {
    /// Joins both and refuses what is unknown or unsupported.
    pub(super) fn collect(
        pairs: Vec<Pair>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, DsnError> {
        let mut values = HashMap::new();
        for (keyword, value) in pairs {
            let known = KEYWORDS.iter().find(|(name, ..)| *name == keyword);
            let (name, ..) = known.ok_or_else(|| unknown(&keyword))?;
            values.insert(*name, value);
        }
        for (name, variable, _) in KEYWORDS.iter().filter(|(_, variable, _)| !variable.is_empty()) {
            if !values.contains_key(name)
                && let Some(value) = environment(variable)
            {
                values.insert(name, value);
            }
        }
        values.retain(|_, value| !value.is_empty());
        for (name, _, role) in KEYWORDS {
            if let Only(allowed, instead) = role
                && let Some(value) = values.get(name)
                && !allowed.contains(&&*value.to_ascii_lowercase())
            {
                return Err(DsnError::Unsupported { keyword: name, instead });
            }
        }
        Ok(Self(values))
    }

    /// The value of `keyword`, if one is given and not empty.
    pub(super) fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(String::as_str)
    }

    /// The value of `keyword` as one of `allowed`.
    pub(super) fn choice<T: Copy>(
        &self,
        keyword: &'static str,
        allowed: &'static [(&'static str, T)],
    ) -> Result<Option<T>, DsnError> {
        let Some(value) = self.get(keyword) else { return Ok(None) };
        let found = allowed.iter().find(|(name, _)| *name == value);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| DsnError::Value {
            keyword,
            expected: allowed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The value of `keyword` as a whole number.
    pub(super) fn number(&self, keyword: &'static str) -> Result<Option<i32>, DsnError> {
        let Some(value) = self.get(keyword) else { return Ok(None) };
        let expected = || DsnError::Value { keyword, expected: "a whole number".to_owned() };
        value.trim().parse().map(Some).map_err(|_| expected())
    }
}

/// A mistyped keyword is named; a piece of a password that has slipped into its place is not.
fn unknown(keyword: &str) -> DsnError {
    let plain = keyword.len() <= 30
        && keyword.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !plain {
        return DsnError::Syntax("a keyword is no word (values with spaces need quotes)");
    }
    let nearest = KEYWORDS
        .iter()
        .filter(|(name, _, role)| matches!(role, Obeyed) && strsim::levenshtein(name, keyword) <= 3)
        .min_by_key(|(name, ..)| strsim::levenshtein(name, keyword));
    let suggestion = nearest.map(|(name, ..)| format!("; did you mean {name}?"));
    DsnError::UnknownKeyword {
        keyword: keyword.to_owned(),
        suggestion: suggestion.unwrap_or_default(),
    }
}

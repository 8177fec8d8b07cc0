//! `auth`: as whom an endpoint is called.

use super::reader::Problem;
use super::table::Table;
use super::target;
use super::value::Value;
use crate::endpoint::{Auth, ClientCredentials};
use crate::secret::{Secret, SecretUrl};

#[derive(Clone, Copy)]
enum Kind {
    Basic,
    Bearer,
    OAuth2,
}

const KINDS: [(&str, Kind); 3] =
    [("basic", Kind::Basic), ("bearer", Kind::Bearer), ("oauth2", Kind::OAuth2)];

/// Keys beside `type`, and what to write for them.
const KEYS: [(&str, &str); 7] = [
    ("username", "username = \"…\""),
    ("password", "password = \"${NAME}\""),
    ("token", "token = \"${NAME}\""),
    ("client_id", "client_id = \"…\""),
    ("client_secret", "client_secret = \"${NAME}\""),
    ("token_url", "token_url = \"https://…\""),
    ("scope", "scope = \"webhooks:write\""),
];

impl Kind {
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Basic => &["username", "password"],
            Self::Bearer => &["token"],
            Self::OAuth2 => &["client_id", "client_secret", "token_url"],
        }
    }

    fn takes(self, key: &str) -> bool {
        self.needs().contains(&key) || matches!((self, key), (Self::OAuth2, "scope"))
    }
}

/// What was given, whatever the type.
struct Given {
    username: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    token_url: Option<SecretUrl>,
    scope: Option<String>,
}

/// Reads `auth`.
pub(super) fn read(value: &Value<'_>, allow_http: bool) -> Option<Option<Auth>> {
    value.table(|table| {
        let fix = "type = \"basic\", type = \"bearer\" or type = \"oauth2\"";
        // Without a type nobody knows which keys belong; all of them are then hidden and known.
        let kind = table.required("type", fix, |value| value.one_of(&KINDS));
        let given = Given::read(table, allow_http);
        let kind = kind?;
        let mut is_complete = true;
        for (key, fix) in KEYS {
            match table.value_of(key) {
                Some(value) if !kind.takes(key) => {
                    let problem = format!("`{key}` does not belong to this type of auth");
                    value.refuse_key::<()>(Problem::new(problem, format!("leave `{key}` out")));
                }
                None if kind.needs().contains(&key) => {
                    table.required::<()>(key, fix, |_| None);
                    is_complete = false;
                }
                _ => {}
            }
        }
        if !is_complete {
            return None;
        }
        given.auth(kind).map(Some)
    })
}

impl Given {
    fn read(table: &mut Table<'_>, allow_http: bool) -> Self {
        Self {
            username: table.optional("username", |value| match value.hidden_text()? {
                name if name.contains(':') || name.contains(|c: char| c.is_control()) => {
                    let fix = "leave out : and control characters";
                    value.refuse(Problem::new("basic auth cannot carry this name", fix))
                }
                name => Some(name),
            }),
            password: table.optional("password", |value| value.secret()),
            token: table.optional("token", |value| {
                let token = value.secret()?;
                match token.expose().bytes().all(|b| b.is_ascii_graphic()) {
                    true => Some(token),
                    false => value.refuse(Problem::new(
                        "not a bearer token",
                        "visible ASCII characters only, without spaces",
                    )),
                }
            }),
            client_id: table.optional("client_id", |value| {
                let id = value.hidden_text()?;
                match id.is_empty() {
                    true => {
                        value.refuse(Problem::new("must not be empty", "write the client's id"))
                    }
                    false => Some(id),
                }
            }),
            client_secret: table.optional("client_secret", |value| value.secret()),
            token_url: table.optional("token_url", |value| {
                target::parse_bare_url(value, &value.hidden_text()?, allow_http)
            }),
            scope: table.optional("scope", read_scope),
        }
    }

    fn auth(self, kind: Kind) -> Option<Auth> {
        Some(match kind {
            Kind::Basic => Auth::Basic { username: self.username?, password: self.password? },
            Kind::Bearer => Auth::Bearer { token: self.token? },
            Kind::OAuth2 => Auth::OAuth2(ClientCredentials {
                client_id: self.client_id?,
                client_secret: self.client_secret?,
                token_url: self.token_url?,
                scope: self.scope.unwrap_or_default(),
            }),
        })
    }
}

/// RFC 6749, 3.3: words of visible ASCII without `"` and `\`, separated by single spaces.
fn read_scope(value: &Value<'_>) -> Option<String> {
    let scope = value.text()?;
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(allowed);
    match scope.is_empty() || scope.split(' ').all(is_word) {
        true => Some(scope),
        false => value.refuse(
            Problem::new(
                "not a list of scopes",
                value.assignment("\"webhooks:read webhooks:write\""),
            )
            .given(value.given())
            .allowed("words of visible ASCII without \" and \\, between single spaces"),
        ),
    }
}

//! Text that must never be printed.

use std::fmt;

use url::Url;

/// A password, key or token.
///
/// It has no `Display`, and `Debug` shows `***`, so it cannot reach a log line or an error
/// text by accident. Whoever needs the text says so with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A URL that is a key to what it leads to, or may hold one: printed as little as a [`Secret`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Wraps `url`.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The URL itself, for the one place that calls it.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_only_stars() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(***)");
        let url = "https://hooks.example.com/hunter2".parse().unwrap();
        assert_eq!(format!("{:?}", SecretUrl::new(url)), "***");
    }
}

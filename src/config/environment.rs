//! The environment as the configuration sees it: a map handed in, so that tests need no
//! process-wide state.

use std::collections::BTreeMap;
use std::fmt;

const PREFIX: &str = "WALHOOK_";
const BETWEEN_LEVELS: &str = "__";
/// More than any key has; the tree of levels is walked recursively.
const MOST_LEVELS: usize = 8;

/// Environment variables: what `${NAME}` stands for, and `WALHOOK_SECTION__KEY` overrides.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. One that is not UTF-8 counts as not set.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Key path and value of every variable that sets a key.
    ///
    /// Every key lives in a section, so a variable without a level separator sets nothing:
    /// `WALHOOK_PORT` may well come from Kubernetes, which names such variables after services.
    pub(super) fn settings(&self) -> impl Iterator<Item = (Vec<String>, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            let levels = || path.splitn(MOST_LEVELS, BETWEEN_LEVELS).map(str::to_ascii_lowercase);
            path.contains(BETWEEN_LEVELS).then(|| (levels().collect(), value.as_str()))
        })
    }

    /// Names that look as if they meant to set a key, but have no level separator.
    pub(super) fn bystanders(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .filter_map(|name| Some((name, name.strip_prefix(PREFIX)?)))
            .filter(|(_, path)| !path.contains(BETWEEN_LEVELS))
            .map(|(name, _)| name.as_str())
    }
}

/// The variable that sets the key at `path`.
pub(super) fn variable_of<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    let levels: Vec<String> = path.into_iter().map(str::to_ascii_uppercase).collect();
    format!("{PREFIX}{}", levels.join(BETWEEN_LEVELS))
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names only: any value may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_with_a_level_separator_set_keys() {
        let environment = Environment::from_iter([
            ("WALHOOK_OPS__LISTEN", "127.0.0.1:1"),
            ("WALHOOK_PORT", "tcp://10.0.0.1:80"),
            ("PATH", "/bin"),
        ]);
        let settings: Vec<_> = environment.settings().collect();
        assert_eq!(settings, [(vec!["ops".to_owned(), "listen".to_owned()], "127.0.0.1:1")]);
        assert_eq!(environment.bystanders().collect::<Vec<_>>(), ["WALHOOK_PORT"]);
    }

    #[test]
    fn debug_shows_names_only() {
        let environment = Environment::from_iter([("TOKEN", "hunter2")]);
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
    }
}

//! Presets: sources as their providers' pages describe them, in the grammar that users write.

use std::sync::LazyLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::layers::{Given, Node, Origin, node_of};
use super::super::reader::Problem;
use super::super::table::closest;
use super::super::value::Value;

const PRESETS: &str = include_str!("presets.toml");

/// Names that mean another preset.
const ALIASES: [(&str, &str); 1] = [("svix", "standard-webhooks")];

/// Every preset by name, and the settings that it is.
pub(super) static ALL: LazyLock<Vec<(String, Node)>> = LazyLock::new(|| {
    let presets = DeTable::parse(PRESETS).expect("the built-in presets are valid TOML");
    let presets = Spanned::new(0..0, DeValue::Table(presets.into_inner()));
    match node_of(&presets, &|_| Origin::Default).built_in().given {
        Given::Table(entries) => entries.into_iter().map(|entry| (entry.key, entry.node)).collect(),
        _ => Vec::new(),
    }
});

/// A source without a preset.
pub(super) fn none() -> Node {
    Node { origin: Origin::Default, given: Given::Table(Vec::new()) }
}

/// Whether a preset has this name.
pub(super) fn is_known(name: &str) -> bool {
    of(name).is_some()
}

fn of(name: &str) -> Option<&'static Node> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    ALL.iter().find(|(known, _)| known == name).map(|(_, node)| node)
}

/// The settings of the preset that `value` names.
pub(super) fn read(value: &Value<'_>) -> Option<Node> {
    let given = value.word()?;
    if let Some(node) = of(&given) {
        return Some(node.clone());
    }
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    let names: Vec<&str> = ALL.iter().map(|(name, _)| name.as_str()).chain(aliases).collect();
    let fix = match closest(&given, &names) {
        Some(likely) => value.assignment(&format!("\"{likely}\"")),
        None => {
            "leave it out and write `verify` and `events` as the provider's pages say".to_owned()
        }
    };
    let problem = Problem::new("no preset has this name", fix);
    value.refuse(problem.given(value.given()).allowed(names.join(", ")))
}

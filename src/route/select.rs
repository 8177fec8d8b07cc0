//! Which models and event types an endpoint has asked for.

use crate::change::Origin;
use crate::endpoint::{Filter, glob_matches};

/// Words that stand in `events` for a kind of change rather than for a type.
const WORDS: [&str; 5] = ["created", "updated", "deleted", "truncated", "custom"];

/// Whether the endpoint's model lists let `label` through.
pub fn selects_model(filter: &Filter, label: &str) -> bool {
    let any = |globs: &[String]| globs.iter().any(|glob| glob_matches(glob, label));
    (filter.include_models.is_empty() || any(&filter.include_models))
        && !any(&filter.exclude_models)
}

/// Whether the endpoint's event patterns let an event of this kind and type through.
pub(super) fn wants_event(filter: &Filter, word: &str, event_type: &str) -> bool {
    filter.events.iter().any(|pattern| {
        if WORDS.contains(&pattern.as_str()) {
            pattern == word
        } else {
            glob_matches(pattern, event_type)
        }
    })
}

/// Whether the endpoint's event patterns name a derived type: no word does.
pub(super) fn wants_type(filter: &Filter, event_type: &str) -> bool {
    filter
        .events
        .iter()
        .any(|pattern| !WORDS.contains(&pattern.as_str()) && glob_matches(pattern, event_type))
}

/// Whether the endpoint hears of changes with this origin; of those without one it always does.
pub(super) fn hears_origin(filter: &Filter, origin: Option<&Origin>) -> bool {
    let Some(origin) = origin else { return true };
    !filter.exclude_origins.iter().any(|source| source == "*" || *source == origin.source)
}

/// What a table of fields says about `label`: each matching list with whether it names the
/// label itself rather than every model, lists of the label first.
pub(super) fn lists_for<'a, T>(
    table: &'a [(String, T)],
    label: &str,
) -> impl Iterator<Item = (bool, &'a T)> {
    let of = |own: bool| {
        let label = label.to_owned();
        table.iter().filter_map(move |(key, list)| {
            let matches =
                if own { *key == label } else { *key != label && glob_matches(key, &label) };
            // A glob over several labels names none of them.
            matches.then_some((own, list))
        })
    };
    of(true).chain(of(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_selects_a_kind_and_a_glob_a_type() {
        let wants = |pattern: &str, word, event_type| {
            let filter = Filter { events: vec![pattern.to_owned()], ..Filter::default() };
            wants_event(&filter, word, event_type)
        };
        assert!(wants("created", "created", "order.created"));
        assert!(!wants("created", "updated", "order.updated"));
        assert!(!wants("created", "custom", "created"), "a custom type may be called anything");
        assert!(wants("custom", "custom", "mfa.failed"));
        assert!(wants("*", "custom", "mfa.failed"));
        assert!(wants("mfa.*", "custom", "mfa.failed"));
        assert!(wants("*.deleted", "deleted", "order.deleted"));
    }

    #[test]
    fn an_origin_is_excluded_by_its_whole_name_or_by_a_star() {
        let hears = |excluded: &[&str], origin: Option<&str>| {
            let exclude_origins = excluded.iter().map(|source| (*source).to_owned()).collect();
            let filter = Filter { exclude_origins, ..Filter::default() };
            let origin = origin
                .map(|source| Origin { source: source.to_owned(), event_id: "evt_1".to_owned() });
            hears_origin(&filter, origin.as_ref())
        };
        assert!(hears(&[], Some("stripe")) && hears(&["*", "stripe"], None));
        assert!(!hears(&["github", "stripe"], Some("stripe")) && !hears(&["*"], Some("stripe")));
        assert!(hears(&["stripe"], Some("stripe-eu")), "a name is no prefix");
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let filter = Filter {
            include_models: vec!["store.*".to_owned()],
            exclude_models: vec!["store.Session".to_owned()],
            ..Filter::default()
        };
        assert!(selects_model(&filter, "store.Order"));
        assert!(!selects_model(&filter, "store.Session"));
        assert!(!selects_model(&filter, "billing.Invoice"));
        assert!(selects_model(&Filter::default(), "anything"));
    }
}

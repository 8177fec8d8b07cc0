//! Where conditions stand, and which tables each has to fit.

use crate::condition::Condition;
use crate::config::{Config, Model, written_key};
use crate::route::selects_model;

/// A condition and a table that it has to fit.
pub(super) struct Placed<'a> {
    /// Where it stands, as in `endpoints[0].condition`.
    pub(super) key: String,
    /// The condition.
    pub(super) condition: &'a Condition,
    /// Label of the table's model.
    pub(super) label: String,
    /// The table.
    pub(super) oid: u32,
    /// What PostgreSQL has against it.
    pub(super) refusal: Option<String>,
}

/// Every condition on the table that has this label.
pub(super) fn placed<'a>(
    config: &'a Config,
    model: Option<&'a Model>,
    (label, oid): (&str, u32),
) -> Vec<Placed<'a>> {
    let mut placed = Vec::new();
    let mut place = |key: String, condition: Option<&'a Condition>| {
        let label = label.to_owned();
        placed.extend(condition.map(|condition| Placed {
            key,
            condition,
            label,
            oid,
            refusal: None,
        }));
    };
    if let Some(model) = model {
        let key = format!("models.{}.condition", written_key(label));
        place(key, model.condition.as_ref());
    }
    for (index, derived) in config.event_types.iter().enumerate() {
        if derived.model == label {
            place(format!("event_types[{index}].condition"), derived.condition.as_ref());
        }
    }
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        if endpoint.enabled && selects_model(&endpoint.filter, label) {
            place(format!("endpoints[{index}].condition"), endpoint.condition.as_ref());
        }
    }
    placed
}

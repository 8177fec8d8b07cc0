//! `secrets` of a source: which of its ways each is for, and the key that it holds.

use super::super::reader::Problem;
use super::super::table::Table;
use super::super::value::Value;
use super::key::{self, Form, KeyError};
use super::scheme::Key;
use super::signature::Slot;

/// As many as may live at once while they rotate.
const MOST_SECRETS: usize = 10;

/// What one way of proving takes.
pub(super) struct Taker<'a> {
    pub(super) slots: &'a [Slot],
    /// What its secrets begin with; `None`: those that no other way claims.
    pub(super) begin: Option<&'a str>,
}

/// Reads `secrets`: the keys of each taker, of which one at least has some.
pub(super) fn read(
    table: &mut Table<'_>,
    source: &str,
    takers: &[Taker<'_>],
) -> Option<Vec<Vec<Key>>> {
    let variable: String = source.chars().map(|c| if c == '-' { '_' } else { c }).collect();
    let fix = format!("secrets = [\"${{{}_SECRET}}\"]", variable.to_ascii_uppercase());
    let read_all = |value: &Value<'_>| {
        let keys = value.list(MOST_SECRETS, |secret| read_one(secret, takers))?;
        match keys.is_empty() {
            true => value.refuse(Problem::new(
                "without a secret anybody could post here",
                value.assignment(fix.trim_start_matches("secrets = ")),
            )),
            false => Some(keys),
        }
    };
    let secrets = table.required("secrets", &fix, read_all)?;
    let mut keys: Vec<Vec<Key>> = takers.iter().map(|_| Vec::new()).collect();
    for (taker, key) in secrets.into_iter().flatten() {
        keys[taker].push(key);
    }
    Some(keys)
}

/// The keys that one secret is, each with the index of its taker.
fn read_one(value: &Value<'_>, takers: &[Taker<'_>]) -> Option<Vec<(usize, Key)>> {
    let secret = value.secret()?;
    let text = secret.expose().trim_matches(['\r', '\n']);
    let claims = |taker: &Taker<'_>| taker.begin.is_some_and(|begin| text.starts_with(begin));
    let claimed = takers.iter().any(claims);
    let mut keys = Vec::new();
    for (index, taker) in takers.iter().enumerate() {
        if claims(taker) != claimed || !claimed && taker.begin.is_some() {
            continue;
        }
        for slot in taker.slots.iter().filter(|slot| is_for(slot, taker.slots, text)) {
            match key::material(text, slot.algorithm, slot.form) {
                Ok(material) => keys.push((index, Key { version: slot.version.clone(), material })),
                Err(error) => return refuse(value, &error),
            }
        }
    }
    match keys.is_empty() {
        true => {
            let begins: Vec<&str> = takers.iter().filter_map(|taker| taker.begin).collect();
            let fix = match begins.is_empty() {
                true => "copy the secret as the provider shows it".to_owned(),
                false => format!("take one that begins with {}", begins.join(" or ")),
            };
            value.refuse(Problem::new("no signature of this source takes this secret", fix))
        }
        false => Some(keys),
    }
}

/// Of several versions, those for public keys take what says that it is one, and no others do:
/// a public key must never be used as a shared secret.
fn is_for(slot: &Slot, slots: &[Slot], text: &str) -> bool {
    slots.len() == 1 || (slot.form == Form::Whpk) == key::is_whpk(text)
}

fn refuse<T>(value: &Value<'_>, error: &KeyError) -> Option<T> {
    value.refuse(Problem::new(error.to_string(), error.fix()))
}

//! What the body of an event says, as far as the journal can be compared with it.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A change as its receiver knows it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The table, or `emit`.
    pub place: String,
    /// created, updated, deleted or custom.
    pub operation: String,
    /// What the application called this version of the row.
    pub tag: i64,
    /// The row's key and its version.
    pub key: Option<(i64, i64)>,
    /// The key before the update, where it changed.
    pub former_id: Option<i64>,
    /// Digest of the row's filling; none where the event says that it is unavailable.
    pub filling: Option<String>,
}

impl Facts {
    /// Reads a body, which must have this event's id.
    pub fn read(body: &[u8], id: &str) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
        if body["id"] != id {
            return Err(format!("event {id} has a body of {}", body["id"]));
        }
        let operation = body["event"].as_str().ok_or("no event")?.to_owned();
        let object = &body["object"];
        let tag = number(&object["tag"]).ok_or_else(|| format!("no tag in {object}"))?;
        if operation == "custom" {
            let place = "emit".to_owned();
            return Ok(Self { place, operation, tag, key: None, former_id: None, filling: None });
        }
        Ok(Self {
            place: body["model"]["name"].as_str().ok_or("no model")?.to_owned(),
            operation,
            tag,
            key: number(&object["id"]).zip(number(&object["version"])),
            former_id: number(&body["changes"]["id"]["old"]),
            filling: object["filling"].as_str().map(digest),
        })
    }
}

/// `int8` comes as text, `jsonb` numbers as they are.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// As the journal has it.
fn digest(filling: &str) -> String {
    Sha256::digest(filling)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

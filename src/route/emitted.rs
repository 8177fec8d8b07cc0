//! Custom events, which `walhook.emit` put into the WAL: no table, no model, one body for all.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::plan::{head_text, leading_bits};
use super::renderings::Renderings;
use super::select::{hears_origin, wants_event};
use super::tenant::reaches;
use super::{BoundModel, EventKind, Routed, Router, body, event_id, keys, write_head};
use crate::change::Emitted;
use crate::event::Event;
use crate::value::json;

/// The emitted event cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitRefused {
    /// A receiver could not tell it from a change of the table.
    #[error("emitted event type {event_type} belongs to model {label}")]
    TypeOfModel {
        /// The emitted type.
        event_type: String,
        /// The model's label.
        label: String,
    },
    /// `walhook.emit` takes jsonb, so somebody wrote the message by hand.
    #[error("the object of emitted event {event_type} is not JSON")]
    ObjectNotJson {
        /// The emitted type.
        event_type: String,
    },
}

impl Router {
    /// Appends the deliveries of a custom event.
    ///
    /// # Errors
    /// When the type is a model's or the object is no JSON; the event is then nobody's.
    pub fn route_emitted(
        &mut self,
        emitted: &Emitted,
        out: &mut Vec<Routed>,
    ) -> Result<(), EmitRefused> {
        self.refuse(emitted)?;
        let origin = emitted.transaction.origin.as_ref();
        let wanting: Vec<usize> = (self.endpoints.iter().enumerate())
            .filter(|(_, endpoint)| endpoint.enabled)
            .filter(|(_, endpoint)| endpoint.active_from < emitted.position.commit)
            .filter(|(_, endpoint)| reaches(&endpoint.reach, &emitted.event_type))
            .filter(|(_, endpoint)| wants_event(&endpoint.filter, "custom", &emitted.event_type))
            .filter(|(_, endpoint)| hears_origin(&endpoint.filter, origin))
            .map(|(index, _)| index)
            .collect();
        if wanting.is_empty() {
            return Ok(());
        }
        let event = Arc::new(Event {
            id: event_id(
                &self.settings,
                (emitted.position, &emitted.transaction),
                &emitted.event_type,
            ),
            event_type: emitted.event_type.as_str().into(),
            position: emitted.position,
            commit_time: emitted.transaction.commit_time,
            keys: keys::of_position(emitted.position),
        });
        let head = head_text(&emitted.event_type, "custom");
        write_head(&event, &head, self.stamp.text(event.commit_time), &mut self.buffer);
        let trimmed = self.write_emitted(emitted);
        let body = Bytes::copy_from_slice(&self.buffer);
        self.release_buffer();
        let shape = self.custom_shape();
        let mut renderings = Renderings::default();
        out.extend(wanting.into_iter().map(|endpoint| Routed {
            event: Arc::clone(&event),
            endpoint,
            body: body.clone(),
            shape,
            rendering: renderings.of(&self.endpoints[endpoint]),
            trimmed,
            hold: None,
            failure: None,
        }));
        Ok(())
    }

    fn refuse(&self, emitted: &Emitted) -> Result<(), EmitRefused> {
        let event_type = || emitted.event_type.clone();
        let is_own = |prefix: &str| {
            let word = emitted.event_type.strip_prefix(prefix).and_then(|w| w.strip_prefix('.'));
            word.and_then(EventKind::of_word).is_some()
        };
        let mut models = self.tables.values().map(|state| &state.model);
        let is_derived = |model: &BoundModel| {
            model.derived.iter().any(|derived| derived.event_type == emitted.event_type)
        };
        if let Some(model) = models.find(|m| is_own(&m.event_prefix) || is_derived(m)) {
            let label = model.label.clone();
            return Err(EmitRefused::TypeOfModel { event_type: event_type(), label });
        }
        if !is_json(&emitted.object) {
            return Err(EmitRefused::ObjectNotJson { event_type: event_type() });
        }
        Ok(())
    }

    /// Writes the body after its head; returns whether the object was too large for it.
    fn write_emitted(&mut self, emitted: &Emitted) -> bool {
        let out = &mut self.buffer;
        let actor = emitted.actor.as_ref().filter(|actor| self.actors.check(actor));
        let actor = actor.map_or(b"null".as_slice(), |actor| actor);
        let limit = self.settings.max_event_bytes;
        let trimmed = out.len() + emitted.object.len() + actor.len() > limit;
        out.extend_from_slice(b",\"model\":null,\"object\":");
        out.extend_from_slice(if trimmed { b"null" } else { &emitted.object });
        out.extend_from_slice(b",\"changes\":null,\"user\":");
        out.extend_from_slice(if out.len() + actor.len() > limit { b"null" } else { actor });
        if trimmed {
            out.extend_from_slice(b",\"unavailable\":[\"object\"]");
        }
        if self.settings.include_source {
            out.extend_from_slice(b",\"source\":{\"schema\":null,\"table\":null");
            body::write_place(emitted.position, &emitted.transaction, out);
        }
        out.push(b'}');
        trimmed
    }

    fn custom_shape(&self) -> i64 {
        let source = u8::from(self.settings.include_source);
        leading_bits(&Sha256::digest([b"custom".as_slice(), &[source]].concat()))
    }
}

fn is_json(text: &[u8]) -> bool {
    json::is_document(text) && std::str::from_utf8(text).is_ok()
}

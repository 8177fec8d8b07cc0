//! Writes the bodies of one event: one for each shape that somebody gets.

use std::sync::Arc;

use bytes::Bytes;

use super::body::{Body, TooLarge};
use super::gate::Verdict;
use super::judged::{Admission, Judged};
use super::plan::{Head, Listener};
use super::renderings::Renderings;
use super::row::View;
use super::select::hears_origin;
use super::stamp::Stamp;
use super::{CheckedActor, Routed, RouterSettings, event_id, write_head};
use crate::change::Change;
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::value::Options;

/// What of the router is needed to write.
pub(super) struct Pen<'r> {
    pub(super) settings: &'r RouterSettings,
    pub(super) endpoints: &'r [Arc<Endpoint>],
    pub(super) stamp: &'r mut Stamp,
    pub(super) buffer: &'r mut Vec<u8>,
    pub(super) actors: &'r mut CheckedActor,
}

impl Pen<'_> {
    /// Appends the deliveries of the event type at `place` of the plan, whose own condition says
    /// `own`.
    pub(super) fn write(
        &mut self,
        (change, view): (&Change, View<'_>),
        judged: &mut Judged<'_>,
        (place, own): (usize, Verdict),
        out: &mut Vec<Routed>,
    ) {
        let plan = judged.plan;
        let head = &plan.heads[place];
        let owner = plan.tenancy.owner(&view);
        let mut event: Option<Arc<Event>> = None;
        let mut head_end = 0;
        for shape in &plan.shapes {
            let hears = |listener: &&Listener| {
                let endpoint = &self.endpoints[listener.endpoint];
                endpoint.active_from < change.position.commit
                    && hears_origin(&endpoint.filter, change.transaction.origin.as_ref())
                    && owner.includes(endpoint)
            };
            let listeners = shape.listeners[place].iter().filter(hears);
            let admitted: Vec<(usize, Admission)> =
                listeners.filter_map(|l| Some((l.endpoint, judged.admit(own, l.gate)?))).collect();
            let body = Body {
                plan,
                shape,
                change,
                view,
                actor: change.actor.as_ref().filter(|a| self.actors.check(a)).map(|a| &a[..]),
                options: Options { int8_as_number: self.settings.int8_as_number },
                limit: self.settings.max_event_bytes,
                trimmed: false,
            };
            if admitted.is_empty() || !body.is_visible() {
                continue;
            }
            let event = event.get_or_insert_with(|| {
                let event = new_event(self.settings, change, head, plan.hashes(change, &view));
                write_head(&event, &head.text, self.stamp.text(event.commit_time), self.buffer);
                self.buffer.extend_from_slice(&plan.model);
                head_end = self.buffer.len();
                Arc::new(event)
            });
            let trimmed = write_body(body, head_end, self.buffer);
            let bytes = Bytes::copy_from_slice(self.buffer);
            let mut renderings = Renderings::default();
            out.extend(admitted.into_iter().map(|(endpoint, admission)| Routed {
                event: Arc::clone(event),
                endpoint,
                rendering: renderings.of(&self.endpoints[endpoint]),
                body: bytes.clone(),
                shape: shape.hash,
                trimmed,
                hold: shape.visible.hold.clone().or(admission.hold),
                failure: admission.failure,
            }));
        }
    }
}

fn new_event(settings: &RouterSettings, change: &Change, head: &Head, keys: [u64; 2]) -> Event {
    let place = (change.position, &*change.transaction);
    Event {
        id: event_id(settings, place, &head.event_type),
        event_type: Arc::clone(&head.event_type),
        position: change.position,
        commit_time: change.transaction.commit_time,
        keys,
    }
}

/// Writes the body after its head; returns whether it had to be trimmed.
fn write_body(body: Body<'_>, head_end: usize, out: &mut Vec<u8>) -> bool {
    out.truncate(head_end);
    let Err(TooLarge) = body.write(out) else { return false };
    out.truncate(head_end);
    // A trimmed body is never too large to be written.
    let _ = Body { trimmed: true, ..body }.write(out);
    true
}

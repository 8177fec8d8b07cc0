//! What PostgreSQL refuses for its data: halved until the bad event stands alone, which is then
//! stored with less of it. All in one transaction, so that a request stays whole.

use sha2::{Digest, Sha256};

use super::write::Part;
use super::{InboundEvent, InboundRequest, Stored, Written};
use crate::store::{Session, StoreError};

impl Session {
    /// Stores `requests` as [`Session::store_inbound`], where they cannot be stored at once.
    pub(super) async fn store_in_parts(
        &self,
        requests: &[InboundRequest],
    ) -> Result<Stored, StoreError> {
        self.command("begin to store events", "begin").await?;
        let stored = self.in_parts(requests).await;
        self.end_transaction(stored).await
    }

    async fn in_parts(&self, requests: &[InboundRequest]) -> Result<Stored, StoreError> {
        let mut stored = Stored::default();
        let mut waiting = vec![requests];
        while let Some(part) = waiting.pop() {
            match (self.try_part(part).await?, part) {
                (Some(part), _) => stored.add(part),
                (None, [request]) => match self.store_alone(request).await? {
                    Some(part) => stored.add(part),
                    None => stored.written.push(None),
                },
                (None, many) => {
                    let (first, second) = many.split_at(many.len() / 2);
                    waiting.push(second);
                    waiting.push(first);
                }
            }
        }
        Ok(stored)
    }

    /// Stores `requests`, or nothing of them if PostgreSQL refuses their data.
    async fn try_part(&self, requests: &[InboundRequest]) -> Result<Option<Part>, StoreError> {
        self.command("store a part", "savepoint part").await?;
        match self.store_part(requests).await {
            Ok(part) => {
                self.command("keep a part", "release savepoint part").await?;
                Ok(Some(part))
            }
            Err(error) if error.is_about_data() => {
                let undo = "rollback to savepoint part; release savepoint part";
                self.command("undo a part", undo).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Stores a request that cannot be stored as it is; `None` if it cannot be stored at all.
    async fn store_alone(&self, request: &InboundRequest) -> Result<Option<Part>, StoreError> {
        self.command("store a request", "savepoint request").await?;
        let mut whole: Option<Part> = None;
        let mut waiting = vec![request.clone()];
        while let Some(mut piece) = waiting.pop() {
            let stored = match piece.events.len() {
                ..=1 => self.store_reduced(&piece).await?,
                _ => self.try_part(std::slice::from_ref(&piece)).await?,
            };
            match stored {
                // Its value for one use goes with the first event, which is stored first.
                Some(part) if part.written == [Written::Replayed] => {
                    self.command("undo a request", "rollback to savepoint request").await?;
                    return Ok(Some(part));
                }
                Some(part) => whole = Some(joined(whole, part, request.events.len())),
                None if piece.events.len() > 1 => {
                    let second = piece.events.split_off(piece.events.len() / 2);
                    waiting.push(InboundRequest { events: second, replay: None, ..piece.clone() });
                    waiting.push(piece);
                }
                None => {
                    self.command("undo a request", "rollback to savepoint request").await?;
                    return Ok(None);
                }
            }
        }
        self.command("keep a request", "release savepoint request").await?;
        Ok(whole)
    }

    /// Stores the one event of `piece` with as much as PostgreSQL takes.
    async fn store_reduced(&self, piece: &InboundRequest) -> Result<Option<Part>, StoreError> {
        let reductions: [fn(&InboundEvent) -> InboundEvent; 3] =
            [InboundEvent::clone, without_payload, bare];
        for (level, reduce) in reductions.into_iter().enumerate() {
            let mut reduced = piece.clone();
            reduced.events = piece.events.iter().map(reduce).collect();
            if level == 2 {
                reduced.headers = "{}".into();
            }
            if let Some(part) = self.try_part(&[reduced]).await? {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

impl Stored {
    fn add(&mut self, part: Part) {
        self.written.extend(part.written.into_iter().map(Some));
        self.is_due |= part.is_due;
        for (key, times) in part.repeats {
            *self.repeats.entry(key).or_default() += times;
        }
    }
}

/// Two parts of one request of `events` events as one.
fn joined(former: Option<Part>, mut part: Part, events: usize) -> Part {
    let Some(former) = former else { return part };
    part.is_due |= former.is_due;
    for (key, times) in former.repeats {
        *part.repeats.entry(key).or_default() += times;
    }
    let each = former.written.iter().chain(&part.written).flat_map(|written| match written {
        Written::Stored { duplicates, .. } => duplicates.as_slice(),
        Written::Replayed => &[],
    });
    let duplicates = each.copied().collect();
    let processed_at = part.written.iter().find_map(|written| match written {
        Written::Stored { processed_at, .. } if events == 1 => processed_at.clone(),
        _ => None,
    });
    part.written = vec![Written::Stored { duplicates, processed_at }];
    part
}

fn without_payload(event: &InboundEvent) -> InboundEvent {
    InboundEvent { payload: None, ..event.clone() }
}

/// Named by its bytes, as if the provider had given nothing: ids and types may hold what a text of
/// this database cannot, or be too long for an index.
fn bare(event: &InboundEvent) -> InboundEvent {
    let digest = Sha256::digest(&event.raw);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    InboundEvent {
        event_id: format!("sha256:{hex}"),
        event_type: None,
        payload: None,
        ..event.clone()
    }
}

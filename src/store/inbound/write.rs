//! Requests into the table: one statement for all that came together.

use std::collections::HashSet;

use super::unseen::Unseen;
use super::{InboundEvent, InboundRejection, InboundRequest, Repeats, Stored, Written};
use crate::store::micros::Micros;
use crate::store::{Session, StoreError, sql};

/// What became of some of the requests.
pub(super) struct Part {
    pub(super) written: Vec<Written>,
    pub(super) is_due: bool,
    pub(super) repeats: Repeats,
}

/// An event by its request's place, and its own in there.
struct Row<'a> {
    request: usize,
    place: usize,
    source: &'a str,
    event: &'a InboundEvent,
}

/// What the table says of an event.
#[derive(Clone, Copy)]
enum Found {
    New,
    Known { processed_at: Option<i64> },
}

impl Session {
    /// Stores what is new of `requests`, in one transaction that has been committed when this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`]; if the session broke, perhaps after the commit. Storing the same
    /// again is harmless.
    pub async fn store_inbound(&self, requests: &[InboundRequest]) -> Result<Stored, StoreError> {
        let has_tokens = requests.iter().any(|request| request.replay.is_some());
        let stored = match has_tokens {
            false => self.store_part(requests).await,
            true => {
                self.command("begin to store events", "begin").await?;
                let stored = self.store_part(requests).await;
                self.end_transaction(stored).await
            }
        };
        match stored {
            Err(error) if error.is_about_data() => self.store_in_parts(requests).await,
            stored => stored.map(|Part { written, is_due, repeats }| Stored {
                written: written.into_iter().map(Some).collect(),
                is_due,
                repeats,
            }),
        }
    }

    /// Commits after a success, rolls back after an error.
    pub(super) async fn end_transaction<T>(
        &self,
        outcome: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match outcome {
            Ok(done) => {
                self.command("commit events", "commit").await?;
                Ok(done)
            }
            Err(error) => {
                // A broken session has nothing to roll back.
                let _ = self.command("roll back", "rollback").await;
                Err(error)
            }
        }
    }

    /// Stores `requests` in the transaction that is open, or in one for the statement.
    pub(super) async fn store_part(&self, requests: &[InboundRequest]) -> Result<Part, StoreError> {
        let replayed = self.replayed(requests).await?;
        let mut rows = Vec::new();
        for (number, request) in requests.iter().enumerate() {
            if !replayed.contains(&number) {
                let source = &*request.source;
                let events = request.events.iter().enumerate();
                let row = |(place, event)| Row { request: number, place, source, event };
                rows.extend(events.map(row));
            }
        }
        // The order in which rows are locked, so that two daemons never wait for each other; of
        // equals the first comes first.
        rows.sort_by(|a, b| key(a).cmp(&key(b)));
        let groups: Vec<&[Row<'_>]> = rows.chunk_by(|a, b| key(a) == key(b)).collect();
        let (found, is_due) = self.insert(requests, &groups).await?;
        let mut part = Part { written: Vec::new(), is_due, repeats: Repeats::new() };
        part.written.extend(requests.iter().enumerate().map(|(number, request)| {
            match replayed.contains(&number) {
                true => Written::Replayed,
                false => Written::Stored {
                    duplicates: vec![false; request.events.len()],
                    processed_at: None,
                },
            }
        }));
        for (group, found) in groups.iter().zip(found) {
            tally(requests, group, found, &mut part);
        }
        Ok(part)
    }

    /// Uses the values for one use up; returns the places of requests whose value had been used
    /// for another event.
    async fn replayed(&self, requests: &[InboundRequest]) -> Result<HashSet<usize>, StoreError> {
        let (mut places, mut sources) = (Vec::new(), Vec::new());
        let (mut tokens, mut events) = (Vec::new(), Vec::new());
        for (place, request) in requests.iter().enumerate() {
            if let (Some(token), Some(event)) = (&request.replay, request.events.first()) {
                places.push(place);
                sources.push(&*request.source);
                tokens.push(token.as_str());
                events.push(event.event_id.as_str());
            }
        }
        if places.is_empty() {
            return Ok(HashSet::new());
        }
        let (tokens, events) = (Unseen(tokens), Unseen(events));
        let doing = "use up tokens";
        self.rows(doing, sql::store_tokens, &[&sources, &tokens, &events]).await?;
        let rows = self.rows(doing, sql::replayed_tokens, &[&sources, &tokens, &events]).await?;
        let place = |row: &tokio_postgres::Row| places.get(from_one(row.get(0))).copied();
        Ok(rows.iter().filter_map(place).collect())
    }

    /// Inserts the first of each group; says of each what was found, and whether there is
    /// something to do for handlers.
    async fn insert(
        &self,
        requests: &[InboundRequest],
        groups: &[&[Row<'_>]],
    ) -> Result<(Vec<Found>, bool), StoreError> {
        let mut found = vec![Found::Known { processed_at: None }; groups.len()];
        let mut is_due = false;
        if groups.is_empty() {
            return Ok((found, is_due));
        }
        let firsts = || groups.iter().map(|group| &group[0]);
        let sources: Vec<&str> = firsts().map(|row| row.source).collect();
        let ids: Vec<&str> = firsts().map(|row| row.event.event_id.as_str()).collect();
        let types: Vec<Option<&str>> =
            firsts().map(|row| row.event.event_type.as_deref()).collect();
        let payloads: Vec<Option<&str>> =
            firsts().map(|row| row.event.payload.as_deref()).collect();
        let raws: Vec<&[u8]> = firsts().map(|row| &*row.event.raw).collect();
        let sums: Vec<&str> = firsts().map(|row| &*requests[row.request].body_sha256).collect();
        let headers: Vec<&str> = firsts().map(|row| &*requests[row.request].headers).collect();
        let unusable: Vec<Option<&str>> = firsts().map(|row| row.event.unusable).collect();
        let mapped: Vec<bool> = firsts().map(|row| row.event.mapped).collect();
        let answer = self
            .rows(
                "store inbound events",
                sql::store_inbound,
                &[
                    &sources,
                    &Unseen(ids),
                    &Unseen(types),
                    &Unseen(payloads),
                    &Unseen(raws),
                    &sums,
                    &Unseen(headers),
                    &unusable,
                    &mapped,
                ],
            )
            .await?;
        for row in &answer {
            let stored: (&str, &str) = (row.get(0), row.get(1));
            if let Ok(place) = groups.binary_search_by(|group| key(&group[0]).cmp(&stored)) {
                found[place] = Found::New;
                is_due |= row.get::<_, bool>(2);
            }
        }
        if answer.len() < groups.len() {
            self.find_processed(groups, &mut found).await?;
        }
        Ok((found, is_due))
    }

    /// Adds to what was `found` of known events when they were processed.
    async fn find_processed(
        &self,
        groups: &[&[Row<'_>]],
        found: &mut [Found],
    ) -> Result<(), StoreError> {
        let is_known = |place: &usize| matches!(found[*place], Found::Known { .. });
        let places: Vec<usize> = (0..groups.len()).filter(is_known).collect();
        let known = || places.iter().map(|place| &groups[*place][0]);
        let sources: Vec<&str> = known().map(|row| row.source).collect();
        let ids: Vec<&str> = known().map(|row| row.event.event_id.as_str()).collect();
        let doing = "look up events that came again";
        for row in self.rows(doing, sql::processed_inbound, &[&sources, &Unseen(ids)]).await? {
            if let Some(place) = places.get(from_one(row.get(0))) {
                let processed_at = Some(row.get::<_, Micros>(1).0);
                found[*place] = Found::Known { processed_at };
            }
        }
        Ok(())
    }

    /// Counts events that came again; what is counted is taken out of `repeats`, and what somebody
    /// holds stays for the next time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn count_repeats(&self, repeats: &mut Repeats) -> Result<(), StoreError> {
        let mut given: Vec<_> = repeats.iter().map(|(key, times)| (key.clone(), *times)).collect();
        given.sort();
        let sources: Vec<&str> = given.iter().map(|((source, _), _)| &**source).collect();
        let ids: Vec<&str> = given.iter().map(|((_, id), _)| id.as_str()).collect();
        let times: Vec<i64> = given.iter().map(|(_, times)| *times).collect();
        let doing = "count events that came again";
        let rows = self.rows(doing, sql::count_repeats, &[&sources, &Unseen(ids), &times]).await?;
        for row in rows {
            if let Some((key, _)) = given.get(from_one(row.get(0))) {
                repeats.remove(key);
            }
        }
        Ok(())
    }

    /// Notes requests that were not taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn log_rejections(&self, rejections: &[InboundRejection]) -> Result<(), StoreError> {
        let of = || rejections.iter();
        let sources: Vec<&str> = of().map(|rejection| &*rejection.source).collect();
        let reasons: Vec<&str> = of().map(|rejection| rejection.reason).collect();
        let skews: Vec<Option<i64>> = of().map(|rejection| rejection.skew_seconds).collect();
        let names: Vec<String> = of().map(|rejection| rejection.header_names.join(" ")).collect();
        let bytes = |rejection: &InboundRejection| i64::try_from(rejection.body_bytes);
        let bytes: Vec<i64> = of().map(|of| bytes(of).unwrap_or(i64::MAX)).collect();
        let sums: Vec<&str> = of().map(|rejection| rejection.body_sha256.as_str()).collect();
        self.rows(
            "note rejected requests",
            sql::log_rejections,
            &[&sources, &reasons, &skews, &names, &bytes, &sums],
        )
        .await?;
        Ok(())
    }
}

fn key<'a>(row: &Row<'a>) -> (&'a str, &'a str) {
    (row.source, &row.event.event_id)
}

/// A place from what SQL counts from 1.
fn from_one(n: i64) -> usize {
    usize::try_from(n - 1).unwrap_or(usize::MAX)
}

/// Says to each request of a group what was found of its event.
fn tally(requests: &[InboundRequest], group: &[Row<'_>], found: Found, part: &mut Part) {
    let new = usize::from(matches!(found, Found::New));
    for row in &group[new..] {
        let Written::Stored { duplicates, processed_at } = &mut part.written[row.request] else {
            continue;
        };
        duplicates[row.place] = true;
        if let (1, Found::Known { processed_at: Some(at) }) =
            (requests[row.request].events.len(), found)
        {
            *processed_at = jiff::Timestamp::from_microsecond(at).ok().map(|at| at.to_string());
        }
    }
    let repeats = group.len() - new;
    if repeats > 0 {
        let source = requests[group[0].request].source.clone();
        part.repeats.insert((source, group[0].event.event_id.clone()), repeats as i64);
    }
}

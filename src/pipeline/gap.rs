//! Whether WAL is missing between the checkpoint and where the slot stands. Never silence.

use serde_json::{Value, json};
use uuid::Uuid;

use super::setup::{Setup, TakeoverError};
use crate::config::OnGap;
use crate::event::job::{Alert, Severity};
use crate::lsn::{Lsn, Position};
use crate::replication::{ReplicationError, System};
use crate::store::{Checkpoint, Session, StoreError};

/// Server and slot as they were found.
pub(super) struct Found<'a> {
    pub(super) system: &'a System,
    /// Where the slot stood.
    pub(super) slot: Option<Lsn>,
    /// What had become of the slot that was there before, if this one was made in its place.
    pub(super) former_end: Option<String>,
}

/// Compares the checkpoint with the server; returns the checkpoint to go on from.
pub(super) async fn examine(
    session: &Session,
    setup: &Setup,
    checkpoint: Checkpoint,
    found: &Found<'_>,
) -> Result<Checkpoint, TakeoverError> {
    let timeline = found.system.timeline;
    if checkpoint.system_identifier != found.system.system_identifier {
        return Err(other_cluster(session, setup, &checkpoint, found.system).await?);
    }
    let Some((text, resume)) = find(&checkpoint, found) else {
        setup.status.stopped_at_gap.send_replace(false);
        return Ok(Checkpoint { timeline, ..checkpoint });
    };
    let gap = Gap {
        text,
        from: Some(checkpoint.confirmed),
        to: found.slot,
        further: json!({
            "wal_lsn": found.system.wal_position.to_string(),
            "checkpoint_timeline": checkpoint.timeline,
            "timeline": timeline,
        }),
    };
    report(session, setup, &gap).await?;
    match setup.on_gap {
        OnGap::Stop => {
            setup.status.stopped_at_gap.send_replace(true);
            Err(TakeoverError::Gap(gap.text))
        }
        OnGap::Continue => {
            let watermark = Position { commit: Lsn(resume.0.saturating_sub(1)), ordinal: u64::MAX };
            // What is read again was sent in part: ids tell, wherever they stand in the log.
            let is_again = resume < checkpoint.confirmed;
            let replay_floor = if is_again { Uuid::nil() } else { checkpoint.replay_floor };
            Ok(Checkpoint { timeline, confirmed: resume, watermark, replay_floor, ..checkpoint })
        }
    }
}

async fn other_cluster(
    session: &Session,
    setup: &Setup,
    checkpoint: &Checkpoint,
    system: &System,
) -> Result<TakeoverError, StoreError> {
    let (then, now) = (checkpoint.system_identifier, system.system_identifier);
    let error = TakeoverError::OtherCluster { then, now };
    let gap = Gap {
        text: error.to_string(),
        from: Some(checkpoint.confirmed),
        to: Some(system.wal_position),
        further: json!({"checkpoint_system": then.to_string(), "system": now.to_string()}),
    };
    report(session, setup, &gap).await?;
    Ok(error)
}

/// Whether the slot is gone, or of no use any more.
pub(super) fn is_end_of_slot(error: &ReplicationError) -> bool {
    matches!(error, ReplicationError::SlotMissing { .. } | ReplicationError::SlotLost { .. })
}

/// Whether a slot may be made in place of one that is gone. One that is missing when this process
/// begins may never have been here: a copy of a database has the queue of the original and no slot.
pub(super) fn may_begin_anew(setup: &Setup, error: &ReplicationError, system: &System) -> bool {
    let was_here =
        *setup.status.held_on.borrow() == Some((system.system_identifier, system.timeline));
    let is_known = match error {
        ReplicationError::SlotLost { .. } => true,
        ReplicationError::SlotMissing { .. } => was_here,
        _ => false,
    };
    is_known && setup.on_gap == OnGap::Continue
}

/// A slot that is gone, or whose WAL is, is a gap too, whatever comes next. Returns what to end
/// with.
pub(super) async fn report_end_of_slot(
    session: &Session,
    setup: &Setup,
    (error, system): (ReplicationError, &System),
) -> Result<TakeoverError, StoreError> {
    let checkpoint = session.latest_checkpoint(&setup.slot).await?;
    let settled = checkpoint.map(|checkpoint| checkpoint.confirmed);
    let gap = Gap {
        text: format!(
            "{error}; changes were settled up to {}; run `walhook init` to begin a new slot",
            settled.map_or("nowhere".to_owned(), |settled| settled.to_string())
        ),
        from: settled,
        to: Some(system.wal_position),
        further: json!({}),
    };
    report(session, setup, &gap).await?;
    Ok(match setup.on_gap {
        OnGap::Stop => {
            setup.status.stopped_at_gap.send_replace(true);
            TakeoverError::Gap(gap.text)
        }
        OnGap::Continue => error.into(),
    })
}

/// A publication that is gone stops everything until somebody makes it again.
pub(super) async fn report_publication(
    session: &Session,
    setup: &Setup,
    error: &ReplicationError,
) -> Result<(), StoreError> {
    let publication = &setup.publication;
    let alert = Alert {
        severity: Severity::Critical,
        kind: "publication_missing",
        application: None,
        endpoint_name: None,
        count: None,
        message: format!("publication {publication}: {error}"),
        details: json!({"publication": publication, "slot": setup.slot}),
    };
    session.raise_alert_once(&alert).await
}

/// What is missing.
struct Gap {
    text: String,
    /// Up to where changes were settled.
    from: Option<Lsn>,
    /// From where on there are changes again.
    to: Option<Lsn>,
    /// Facts beyond these.
    further: Value,
}

/// Says it once: log, metric, alert.
async fn report(session: &Session, setup: &Setup, gap: &Gap) -> Result<(), StoreError> {
    if *setup.status.stopped_at_gap.borrow() {
        return Ok(());
    }
    let (from_time, to_time) = session.gap_times(&setup.slot).await?;
    let from_lsn = gap.from.map(|lsn| lsn.to_string());
    let to_lsn = gap.to.map(|lsn| lsn.to_string());
    setup.metrics.gaps.inc();
    let Gap { text, .. } = gap;
    tracing::error!(
        slot = setup.slot,
        from_lsn,
        from_time,
        to_lsn,
        to_time,
        "WAL is missing: {text}"
    );
    let mut details = json!({
        "slot": setup.slot,
        "from_lsn": from_lsn,
        "from_time": from_time,
        "to_lsn": to_lsn,
        "to_time": to_time,
    });
    if let (Some(details), Some(further)) = (details.as_object_mut(), gap.further.as_object()) {
        details.extend(further.clone());
    }
    let alert = Alert {
        severity: Severity::Critical,
        kind: "gap",
        application: None,
        endpoint_name: None,
        count: None,
        message: format!("slot {}: {text}", setup.slot),
        details,
    };
    session.raise_alert_once(&alert).await
}

/// What is missing, and from where to go on.
fn find(checkpoint: &Checkpoint, found: &Found<'_>) -> Option<(String, Lsn)> {
    let (settled, system) = (checkpoint.confirmed, found.system);
    let slot = found.slot?;
    if slot > settled {
        let cause = match &found.former_end {
            Some(end) => format!("{end} and was begun anew"),
            None => "it was re-created or advanced by somebody else".to_owned(),
        };
        let text = format!(
            "changes were settled up to {settled}, but the slot starts at {slot}: {cause}; what \
             was committed in between is not sent"
        );
        return Some((text, slot));
    }
    if system.wal_position < settled {
        let text = format!(
            "changes were settled up to {settled}, but the WAL ends at {}: the database went back \
             in time; what was committed on the lost history may have been sent",
            system.wal_position
        );
        return Some((text, slot));
    }
    if system.timeline != checkpoint.timeline && slot < settled {
        let text = format!(
            "changes were settled up to {settled} on timeline {}, and the server is on timeline {} \
             now: it was promoted or restored; what follows {slot} is read again, and what was \
             committed on the lost history may have been sent",
            checkpoint.timeline, system.timeline
        );
        return Some((text, slot));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(settled: u64, slot: u64, wal: u64) -> Option<Lsn> {
        found_on(1, settled, slot, wal)
    }

    fn found_on(timeline: u32, settled: u64, slot: u64, wal: u64) -> Option<Lsn> {
        let checkpoint = Checkpoint {
            flush: 1,
            system_identifier: 1,
            timeline: 1,
            watermark: Position::default(),
            confirmed: Lsn(settled),
            replay_floor: Uuid::max(),
        };
        let system = System { wal_position: Lsn(wal), timeline, ..System::default() };
        let found = Found { system: &system, slot: Some(Lsn(slot)), former_end: None };
        find(&checkpoint, &found).map(|(_, resume)| resume)
    }

    #[test]
    fn a_slot_behind_or_at_the_checkpoint_only_replays() {
        assert_eq!(found(10, 5, 20), None);
        assert_eq!(found(10, 10, 10), None);
    }

    #[test]
    fn a_slot_ahead_of_the_checkpoint_is_a_gap() {
        assert_eq!(found(10, 11, 20), Some(Lsn(11)));
    }

    #[test]
    fn wal_that_ends_before_the_checkpoint_is_a_gap() {
        assert_eq!(found(10, 5, 9), Some(Lsn(5)));
    }

    #[test]
    fn another_timeline_is_a_gap_where_something_is_read_again() {
        assert_eq!(found_on(2, 10, 5, 20), Some(Lsn(5)), "it may be other changes now");
        assert_eq!(found_on(2, 10, 10, 20), None);
    }
}

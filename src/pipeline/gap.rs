//! Whether WAL is missing between the checkpoint and where the slot stands. Never silence.

use serde_json::json;
use uuid::Uuid;

use super::setup::{Setup, TakeoverError};
use crate::config::OnGap;
use crate::event::job::{Alert, Severity};
use crate::lsn::{Lsn, Position};
use crate::replication::{ReplicationError, System};
use crate::store::{Checkpoint, Session};

/// Compares the checkpoint with the server; returns the checkpoint to go on from.
pub(super) async fn examine(
    session: &Session,
    setup: &Setup,
    checkpoint: Checkpoint,
    (system, slot): (&System, Option<Lsn>),
) -> Result<Checkpoint, TakeoverError> {
    let timeline = system.timeline;
    let Some((text, resume)) = find(&checkpoint, system, slot) else {
        setup.status.stopped_at_gap.send_replace(false);
        return Ok(Checkpoint { timeline, ..checkpoint });
    };
    let details = json!({
            "slot": setup.slot,
            "checkpoint_lsn": checkpoint.confirmed.to_string(),
            "slot_lsn": slot.map(|lsn| lsn.to_string()),
            "wal_lsn": system.wal_position.to_string(),
            "checkpoint_timeline": checkpoint.timeline,
            "timeline": timeline,
    });
    report(session, setup, &text, details).await?;
    match setup.on_gap {
        OnGap::Stop => {
            setup.status.stopped_at_gap.send_replace(true);
            Err(TakeoverError::Gap(text))
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

/// A slot that is gone, or whose WAL is, is a gap too, whatever comes next.
pub(super) async fn report_lost(
    session: &Session,
    setup: &Setup,
    error: &ReplicationError,
) -> Result<(), TakeoverError> {
    let is_lost =
        matches!(error, ReplicationError::SlotMissing { .. } | ReplicationError::SlotLost { .. });
    if !is_lost {
        return Ok(());
    }
    let checkpoint = session.latest_checkpoint(&setup.slot).await?;
    let settled = checkpoint.map(|checkpoint| checkpoint.confirmed.to_string());
    let text = format!(
        "{error}; changes were settled up to {}; run `walhook init` to begin a new slot",
        settled.as_deref().unwrap_or("nowhere")
    );
    report(session, setup, &text, json!({"slot": setup.slot, "checkpoint_lsn": settled})).await
}

/// Says it once: log, metric, alert.
async fn report(
    session: &Session,
    setup: &Setup,
    text: &str,
    details: serde_json::Value,
) -> Result<(), TakeoverError> {
    if *setup.status.stopped_at_gap.borrow() {
        return Ok(());
    }
    setup.metrics.gaps.inc();
    tracing::error!(slot = setup.slot, "WAL is missing: {text}");
    let alert = Alert {
        severity: Severity::Critical,
        kind: "gap",
        application: None,
        endpoint_name: None,
        count: None,
        message: format!("slot {}: {text}", setup.slot),
        details,
    };
    Ok(session.raise_alert(&alert).await?)
}

/// What is missing, and from where to go on.
fn find(checkpoint: &Checkpoint, system: &System, slot: Option<Lsn>) -> Option<(String, Lsn)> {
    let settled = checkpoint.confirmed;
    let slot = slot?;
    if slot > settled {
        let text = format!(
            "changes were settled up to {settled}, but the slot starts at {slot}: it was \
             re-created or advanced by somebody else; what was committed in between is not sent"
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
        find(&checkpoint, &system, Some(Lsn(slot))).map(|(_, resume)| resume)
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

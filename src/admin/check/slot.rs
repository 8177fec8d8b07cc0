//! The slot, and the log's idea of it.

use super::Report;
use super::facts::Facts;
use crate::store::schema::advice;

const INIT: &str = "walhook init";

fn subject(facts: &Facts<'_>) -> String {
    format!("slot {}", facts.installation.slot)
}

pub(super) fn exists(facts: &Facts<'_>, report: &mut Report) {
    // On a standby nobody has looked.
    if facts.observed.slot.is_none() && !facts.observed.server.is_standby {
        report.error(subject(facts), "does not exist", INIT);
    }
}

pub(super) fn is_ours(facts: &Facts<'_>, report: &mut Report) {
    let database = &facts.observed.server.database;
    if let Some(why) = facts.observed.slot.as_ref().and_then(|slot| slot.foreign(database)) {
        let fix = "[database] slot = \"another_name\"";
        report.error(subject(facts), why, fix);
    }
}

pub(super) fn is_usable(facts: &Facts<'_>, report: &mut Report) {
    let Some(slot) = &facts.observed.slot else { return };
    let more = facts.slot.clone().unwrap_or_default();
    if slot.is_lost() || more.invalidation_reason.is_some() {
        let reason = more.invalidation_reason.unwrap_or_else(|| "the WAL was removed".to_owned());
        let problem = format!("is lost ({reason}): what was committed meanwhile cannot be sent");
        report.error(subject(facts), problem, INIT);
        return;
    }
    if slot.wal_status.as_deref() == Some("unreserved") {
        let problem = "is about to be lost: WAL that it needs goes at the next checkpoint";
        let fix = "start the daemon now, or:\nalter system set max_slot_wal_keep_size = -1;\n\
                   select pg_reload_conf();";
        report.error(subject(facts), problem, fix);
    }
    if more.is_temporary {
        let fix = "[database] slot = \"another_name\"";
        report.error(subject(facts), "is temporary: it ends with its session", fix);
    }
    if more.is_two_phase {
        let problem = "decodes prepared transactions before they are committed";
        report.error(subject(facts), problem, "[database] slot = \"another_name\"");
    }
}

/// WAL from before the publication was made cannot be decoded under it.
pub(super) fn follows_publication(facts: &Facts<'_>, report: &mut Report) {
    if facts.lacks_publication {
        let name = &facts.installation.slot;
        let problem = "is older than the publication: PostgreSQL cannot decode what was committed \
                       before that was made";
        let fix = format!("{}\n{INIT}", advice::advance_slot(name));
        report.error(subject(facts), problem, &fix);
    }
}

pub(super) fn checkpoint(facts: &Facts<'_>, report: &mut Report) {
    let observed = &facts.observed;
    let Some(slot) = &observed.slot else { return };
    if observed.version == 0 || slot.is_lost() {
        return;
    }
    if observed.checkpoint.is_none() {
        report.error("checkpoint", "there is none for the slot", INIT);
    } else if observed.publication.is_some()
        && let Some(why) = observed.break_in_history()
    {
        let fix = format!("{INIT}, if that is how it should be");
        report.error("checkpoint", why, &fix);
    }
}

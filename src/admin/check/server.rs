//! The server's version, settings and rights.

use super::Report;
use super::facts::Facts;
use crate::store::schema::MIGRATIONS;

const INIT: &str = "walhook init";

pub(super) fn version(facts: &Facts<'_>, report: &mut Report) {
    let server = &facts.observed.server;
    if server.version < crate::store::schema::OLDEST_SERVER {
        let problem = format!("PostgreSQL {} is too old", server.version_text);
        report.error("server", problem, "use PostgreSQL 15 or newer");
    }
    if server.is_standby {
        let fix = "let database.url name the primary";
        report.error("server", "is a standby, where nothing can be logged", fix);
    }
}

pub(super) fn wal_level(facts: &Facts<'_>, report: &mut Report) {
    let level = &facts.observed.server.wal_level;
    if level != "logical" {
        let fix = "alter system set wal_level = 'logical';\nthen restart PostgreSQL";
        report.error("server", format!("wal_level is {level}, not logical"), fix);
    }
}

pub(super) fn slots(facts: &Facts<'_>, report: &mut Report) {
    let settings = &facts.settings;
    let is_full = settings.slots_used >= i64::from(settings.slots);
    if facts.observed.slot.is_none() && is_full {
        let slots = settings.slots;
        let problem = format!("all {slots} replication slots are in use (max_replication_slots)");
        let fix = format!(
            "alter system set max_replication_slots = {};\nthen restart PostgreSQL",
            slots + 5
        );
        report.error("server", problem, &fix);
    }
}

pub(super) fn senders(facts: &Facts<'_>, report: &mut Report) {
    let settings = &facts.settings;
    let is_active = facts.observed.slot.as_ref().is_some_and(|slot| slot.active_pid.is_some());
    if !is_active && settings.senders_used >= i64::from(settings.senders) {
        let senders = settings.senders;
        let problem = format!("all {senders} walsenders are at work (max_wal_senders)");
        let fix =
            format!("alter system set max_wal_senders = {};\nthen restart PostgreSQL", senders + 5);
        report.error("server", problem, &fix);
    }
}

pub(super) fn rights(facts: &Facts<'_>, report: &mut Report) {
    let server = &facts.observed.server;
    let role = format!("role {}", server.role);
    if !facts.settings.may_replicate {
        let fix = format!("alter role {} replication;", server.role_quoted);
        report.error(&role, "may not replicate", &fix);
    }
    let needs_create = server.schema_owner.is_none() || facts.observed.publication.is_none();
    if needs_create && !facts.settings.may_create {
        let fix = format!(
            "grant create on database {} to {};",
            server.database_quoted, server.role_quoted
        );
        report.error(&role, "may not make the schema walhook or a publication", &fix);
    }
}

/// Newer minor releases load only the output plugins on a list.
pub(super) fn output_plugins(facts: &Facts<'_>, report: &mut Report) {
    let Some(list) = &facts.settings.output_plugins else { return };
    let mut plugins = list.split(',').map(|plugin| plugin.trim().trim_matches('"'));
    if plugins.any(|plugin| plugin == "pgoutput") {
        return;
    }
    let separator = if list.trim().is_empty() { "" } else { ", " };
    let list_with = format!("pgoutput{separator}{list}").replace('\'', "''");
    let fix = format!(
        "alter system set output_plugin_libraries = '{list_with}';\nselect pg_reload_conf();"
    );
    let problem =
        "output_plugin_libraries does not name pgoutput, so that no change can be decoded";
    report.error("server", problem, &fix);
}

/// How long the server keeps WAL for us while we are away.
pub(super) fn retention(facts: &Facts<'_>, report: &mut Report) {
    let settings = &facts.settings;
    if settings.slot_wal_keep_size == "-1" {
        let problem = "max_slot_wal_keep_size is without limit: while no daemon runs, WAL piles up \
                       until the disk is full";
        let fix = "alter system set max_slot_wal_keep_size = '50GB';  -- what the disk can spare\n\
                   select pg_reload_conf();";
        report.warning("server", problem, fix);
    }
    if let Some(timeout) = &settings.idle_slot_timeout {
        let problem = format!(
            "idle_replication_slot_timeout is {timeout}: a daemon that is down for longer loses \
             its slot"
        );
        let fix = "alter system set idle_replication_slot_timeout = 0;\nselect pg_reload_conf();";
        report.warning("server", problem, fix);
    }
}

pub(super) fn lazy_commits(facts: &Facts<'_>, report: &mut Report) {
    if facts.settings.has_lazy_commits {
        let problem = format!(
            "synchronous_commit is off for some sessions: their changes are sent only when the WAL \
             writer comes round, every wal_writer_delay ({})",
            facts.settings.wal_writer_delay
        );
        let fix = "alter system set wal_writer_delay = '10ms';\nselect pg_reload_conf();";
        report.warning("server", problem, fix);
    }
}

pub(super) fn schema(facts: &Facts<'_>, report: &mut Report) {
    let (installed, newest) = (facts.observed.version, MIGRATIONS.len() as i32);
    let server = &facts.observed.server;
    if let Some(owner) = server.schema_owner.as_ref().filter(|_| !server.owns_schema) {
        let problem = format!("belongs to the role {owner}: {} may not write the log", server.role);
        let fix = format!("let database.url name {owner}, or a member of it");
        report.error("schema walhook", problem, &fix);
    } else if installed == 0 {
        report.error("schema walhook", "is not installed", INIT);
    } else if installed < newest {
        let problem = format!("is at version {installed}, this walhook needs {newest}");
        report.error("schema walhook", problem, INIT);
    } else if installed > newest {
        let problem = format!("is at version {installed}, this walhook knows {newest}");
        report.error("schema walhook", problem, "run the newer walhook");
    } else if facts.observed.server.roles < 2 {
        let problem = "walhook_admin or walhook_viewer is missing: nobody else can read the log";
        report.warning("roles", problem, INIT);
    }
}

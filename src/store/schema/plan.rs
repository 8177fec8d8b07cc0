//! What an installation still needs. Pure: decides from what was observed.
//!
//! Tables are only ever added to the publication. Somebody may have added others on purpose, and
//! a slip of the configuration must not lose events; `check` names them.

use super::script::{self, fill};
use super::{Action, Installation, MIGRATIONS, Observed, Run, Step, TableState};
use crate::store::SlotState;

/// `server_version_num` of PostgreSQL 15, the first whose publications have row filters, column
/// lists and schemas as the catalog queries expect.
pub const OLDEST_SERVER: i32 = 150_000;

/// The steps that bring a database from `observed` to `installation`, in their order.
pub fn plan(observed: &Observed, installation: &Installation) -> Vec<Step> {
    if let Some(step) = unusable_server(observed) {
        return vec![step];
    }
    let mut steps = schema(observed);
    steps.push(publication(observed, installation));
    steps.push(record(observed, installation));
    steps.extend(via_root(observed, installation));
    steps.extend(observed.tables.iter().map(|state| table(state, observed, installation)));
    steps.extend(slot(observed, installation));
    steps.push(checkpoint(observed, installation));
    steps
}

fn already(subject: impl Into<String>, what: impl Into<String>) -> Step {
    let action = Action::Already(what.into());
    Step { subject: subject.into(), action, is_essential: false }
}

fn run(subject: impl Into<String>, done: impl Into<String>, sql: impl Into<String>) -> Step {
    let run = Run { done: done.into(), sql: sql.into(), ..Run::default() };
    Step { subject: subject.into(), action: Action::Run(run), is_essential: false }
}

fn refuse(subject: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Step {
    let action = Action::Refuse { why: why.into(), fix: fix.into() };
    Step { subject: subject.into(), action, is_essential: false }
}

fn essential(step: Step) -> Step {
    Step { is_essential: true, ..step }
}

fn unusable_server(observed: &Observed) -> Option<Step> {
    let server = &observed.server;
    if server.version < OLDEST_SERVER {
        let why = format!("PostgreSQL {} is too old", server.version_text);
        return Some(essential(refuse("server", why, "use PostgreSQL 15 or newer")));
    }
    if server.is_standby {
        let fix = "let database.url name the primary";
        return Some(essential(refuse("server", "this server is a standby", fix)));
    }
    if let Some(owner) = server.schema_owner.as_ref().filter(|_| !server.owns_schema) {
        let why = format!("belongs to the role {owner}, not to {}", server.role);
        let fix = format!("let database.url name {owner}, or a member of it");
        return Some(essential(refuse("schema walhook", why, fix)));
    }
    let newest = MIGRATIONS.len() as i32;
    (observed.version > newest).then(|| {
        let why = format!("is at version {}, this walhook knows {newest}", observed.version);
        essential(refuse("schema walhook", why, "run the newer walhook's init"))
    })
}

fn schema(observed: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    if observed.server.schema_owner.is_none() {
        let step = run("schema walhook", "created", fill(script::CREATE_SCHEMA, &[]));
        steps.push(essential(step));
    }
    for (version, migration) in MIGRATIONS.iter().filter(|(v, _)| *v > observed.version) {
        let record = fill(script::RECORD_MIGRATION, &[("version", &version.to_string())]);
        let done = format!("brought to version {version}");
        steps.push(essential(run("schema walhook", done, format!("{migration}{record}"))));
    }
    if steps.is_empty() {
        steps.push(already("schema walhook", format!("at version {}", observed.version)));
    }
    let definitions = script::definitions();
    let mut views = run("functions and views", "as this version has them", definitions.clone());
    if let Action::Run(run) = &mut views.action {
        run.rebuild = Some(format!("{}{definitions}", script::DROP_VIEWS));
    }
    let sql = [script::ROLES, script::POLICIES, script::GRANTS].concat();
    let done = match observed.server.roles {
        2 => "granted what they need",
        _ => "created and granted what they need",
    };
    let roles = run("roles walhook_admin, walhook_viewer", done, sql);
    let partitions = run("log partitions", "ready for a week ahead", script::MAKE_PARTITIONS);
    // Done again each time, and news only once.
    let is_upkeep = observed.version == MIGRATIONS.len() as i32;
    for mut step in [essential(views), roles, partitions] {
        if let Action::Run(run) = &mut step.action {
            run.is_upkeep = is_upkeep;
        }
        steps.push(step);
    }
    steps
}

fn publication(observed: &Observed, installation: &Installation) -> Step {
    let name = &installation.publication;
    let subject = format!("publication {name}");
    match observed.publication {
        Some(_) => already(subject, "is there"),
        None => {
            let sql = fill(script::CREATE_PUBLICATION, &[("publication", name)]);
            essential(run(subject, "created", sql))
        }
    }
}

/// `watch` and `unwatch` change the publication of this installation.
fn record(observed: &Observed, installation: &Installation) -> Step {
    let values =
        [("slot", installation.slot.as_str()), ("publication", installation.publication.as_str())];
    let sql = fill(script::RECORD_INSTALLATION, &values);
    let mut step = run("installation", "known to watch and unwatch", sql);
    if let Action::Run(run) = &mut step.action {
        run.is_upkeep = observed.version == MIGRATIONS.len() as i32;
    }
    step
}

/// Changes in partitions belong to the root table's model; without this option they would come
/// under the partitions' names.
fn via_root(observed: &Observed, installation: &Installation) -> Option<Step> {
    observed.publication.filter(|publication| !publication.via_root)?;
    let name = &installation.publication;
    let sql = fill(script::PUBLISH_VIA_ROOT, &[("publication", name)]);
    let subject = format!("publication {name}");
    Some(run(subject, "publishes partitions as their root table", sql))
}

fn table(state: &TableState, observed: &Observed, installation: &Installation) -> Step {
    let subject = format!("table {}", state.quoted);
    if let Some((why, fix)) = state.impossible() {
        return refuse(subject, why, fix);
    }
    let wants_old = installation
        .tables
        .iter()
        .any(|t| t.old_values && t.schema == state.schema && t.name == state.name);
    let all = observed.publication.is_some_and(|publication| publication.all_tables);
    let to_change: &[String] = if wants_old { &state.not_full } else { &[] };
    let stays_without = state.without_identity.iter().find(|t| !to_change.contains(t));
    let to_publish = !state.is_published && !all;
    if let Some(member) = stays_without.filter(|_| to_publish) {
        let it = if *member == state.quoted { "it" } else { member };
        let why = format!(
            "{it} has no replica identity: once published, PostgreSQL would refuse its updates and \
             deletes"
        );
        let fix = script::advice::identity_full(member);
        return refuse(subject, why, format!("{fix}\nor give it a primary key, then init again"));
    }
    let mut sql = String::new();
    let mut done = Vec::new();
    for member in to_change {
        sql.push_str(&fill(script::IDENTITY_FULL, &[("table", member)]));
    }
    if !to_change.is_empty() {
        done.push("replica identity full");
    }
    if to_publish {
        let values = [("publication", installation.publication.as_str()), ("table", &state.quoted)];
        sql.push_str(&fill(script::PUBLISH_TABLE, &values));
        done.push("published");
    }
    match done.is_empty() {
        true => already(subject, "is published"),
        false => run(subject, done.join(", "), sql),
    }
}

fn slot(observed: &Observed, installation: &Installation) -> Vec<Step> {
    let name = &installation.slot;
    let subject = format!("slot {name}");
    let values = [("slot", name.as_str())];
    let create = |done: &str| {
        if observed.server.wal_level != "logical" {
            let why = format!("wal_level is {}", observed.server.wal_level);
            let fix =
                "alter system set wal_level = 'logical';\nrestart PostgreSQL, then init again";
            return essential(refuse(subject.clone(), why, fix));
        }
        let mut step = run(subject.clone(), done, fill(script::CREATE_SLOT, &values));
        if let Action::Run(run) = &mut step.action {
            run.is_alone = true;
        }
        essential(step)
    };
    let Some(slot) = &observed.slot else {
        return vec![create("created: what commits from now on is delivered")];
    };
    if let Some(why) = slot.foreign(&observed.server.database) {
        let fix = "choose another name: [database] slot = \"…\"";
        return vec![essential(refuse(subject, why, fix))];
    }
    if slot.is_lost() {
        let drop = run(subject.clone(), "was lost, dropped", fill(script::DROP_SLOT, &values));
        return vec![essential(drop), create("created anew")];
    }
    if observed.publication.is_none() {
        return vec![advance(slot, subject, &values)];
    }
    vec![already(subject, "is there")]
}

/// WAL from before the publication was made cannot be decoded under it, so that a slot that is
/// older must skip it.
fn advance(slot: &SlotState, subject: String, values: &[(&str, &str)]) -> Step {
    if let Some(pid) = slot.active_pid {
        let why = format!("it is older than the publication, and process {pid} streams from it");
        return refuse(subject, why, "stop the daemon, then init again");
    }
    let done = "moved past the publication's creation: earlier changes cannot be read under it";
    let mut step = run(subject, done, fill(script::ADVANCE_SLOT, values));
    if let Action::Run(run) = &mut step.action {
        run.is_alone = true;
    }
    step
}

/// Binds the log to the slot: from where, and on which cluster.
fn checkpoint(observed: &Observed, installation: &Installation) -> Step {
    let slot = installation.slot.as_str();
    let adopt = fill(script::ADOPT_SLOT, &[("slot", slot)]);
    let Some(checkpoint) = &observed.checkpoint else {
        return run("checkpoint", "begins at the slot's position", adopt);
    };
    let Some(message) = observed.break_in_history() else {
        return already("checkpoint", format!("at {}", checkpoint.confirmed));
    };
    let raise = fill(script::RAISE_GAP, &[("slot", slot), ("message", &message)]);
    run("checkpoint", format!("begins anew: {message}"), format!("{raise}{adopt}"))
}

//! The SQL of an installation: files with psql's variables, and their values put in.

use std::fmt::Write as _;

use super::{Action, Step};

/// Number and text of each migration, in order. They only ever go forward.
pub const MIGRATIONS: &[(i32, &str)] = &[
    (1, include_str!("../../../sql/schema/0001_walhook.sql")),
    (2, include_str!("../../../sql/schema/0002_inbound.sql")),
    (3, include_str!("../../../sql/schema/0003_alerts.sql")),
    (4, include_str!("../../../sql/schema/0004_sql_face.sql")),
    (5, include_str!("../../../sql/schema/0005_transform.sql")),
    (6, include_str!("../../../sql/schema/0006_operate.sql")),
    (7, include_str!("../../../sql/schema/0007_tenants.sql")),
    (8, include_str!("../../../sql/schema/0008_keep.sql")),
    (9, include_str!("../../../sql/schema/0009_preview.sql")),
];

macro_rules! functions {
    ($($name:ident)*) => {
        &[$(include_str!(concat!("../../../sql/functions/", stringify!($name), ".sql"))),*]
    };
}

/// Those that a function in plain SQL calls come before it: its body is checked when it is made.
const FUNCTIONS: &[&str] = functions! {
    caller
    is_daemon_writing
    duration_text
    is_admin
    may_manage
    can_be_tenant
    endpoint_settings
    log_operation
    glob_matches
    fits_glob
    event_prefix
    explaining
    captured_models
    events_of
    json_or_null
    wants_event
    ask_preview
    assert_owner
    bury_endpoint
    call_back
    cancel
    capture_fault
    check_application
    check_auth
    check_column
    check_condition
    check_condition_words
    check_delay
    check_endpoint
    check_endpoint_conditions
    check_event_type
    check_events
    check_field
    check_fields
    check_globs
    check_headers
    check_interval
    check_label
    check_list
    check_masks
    check_members
    check_model
    check_number
    check_operations
    check_origins
    check_range
    check_relation
    check_retry
    check_signing
    check_tls
    check_url
    check_word
    closest_word
    condition_fault
    condition_answer
    configuration_changed
    count_queue
    create_endpoint
    delivery_floor
    delivery_of
    deliveries_of_row
    drop_partitions
    duration_of
    emit
    event_bytes
    event_text
    example_payload
    example_value
    explain_event
    fate_of_change
    fate_of_event
    fates_of_row
    give_partitions_full_identity
    grant_tenant
    grant_tenants
    hide_secrets
    hold_endpoint
    how_to_set
    idle_slot
    inbound_processors
    inbound_statements
    is_standard_secret
    json_kind
    judge_state
    keep_application
    keep_endpoint
    keep_event_type
    keep_model
    keep_signing_secret
    keep_tenant
    key_predicate
    make_partitions
    managed_endpoint
    may_be_full
    mapping_faults
    mapping_statement
    model_of_type
    off_inbound
    on_inbound
    origin_of
    out_of_service
    pause
    plain_columns
    plain_text
    preview
    published_part
    recover
    redeliver
    refuse
    refuse_again
    refuse_value
    refused_by_settings
    resume
    retry_inbound
    rotate_secret
    row_as_captured
    row_of_key
    row_of_nulls
    run_inbound
    send_again
    send_test
    set_secret
    set_user
    shown_fields
    take_failure
    take_preview
    take_secret
    take_slot
    unwatch
    watch
};
const VIEWS: &str = concat!(
    include_str!("../../../sql/views.sql"),
    include_str!("../../../sql/health.sql"),
    include_str!("../../../sql/catalog.sql")
);
pub(super) const POLICIES: &str = include_str!("../../../sql/policies.sql");
pub(super) const GRANTS: &str = include_str!("../../../sql/grants.sql");

macro_rules! templates {
    ($($constant:ident = $name:literal;)*) => {
        $(pub(super) const $constant: &str =
            include_str!(concat!("../../../sql/install/", $name, ".sql"));)*
    };
}

templates! {
    ADOPT_SLOT = "adopt_slot";
    ADVANCE_SLOT = "advance_slot";
    CREATE_PUBLICATION = "create_publication";
    CREATE_SCHEMA = "create_schema";
    CREATE_SLOT = "create_slot";
    DROP_SLOT = "drop_slot";
    DROP_VIEWS = "drop_views";
    IDENTITY_FULL = "identity_full";
    MAKE_PARTITIONS = "make_partitions";
    PUBLISH_TABLE = "publish_table";
    PUBLISH_VIA_ROOT = "publish_via_root";
    RAISE_GAP = "raise_gap";
    RECORD_INSTALLATION = "record_installation";
    RECORD_MIGRATION = "record_migration";
    ROLES = "roles";
    SETTINGS = "settings";
}

/// Locks of the application's tables are not waited for any longer: whoever waits for one makes
/// everybody behind it wait too.
pub(super) const BEGIN: &str = "begin;\nset local lock_timeout = '3s';\n";

/// Functions and views, as this version has them.
pub(super) fn definitions() -> String {
    let mut sql = FUNCTIONS.concat();
    sql.push_str(VIEWS);
    sql
}

/// Statements that `init` says and `check` advises.
pub mod advice {
    use super::{ADVANCE_SLOT, IDENTITY_FULL, PUBLISH_TABLE, PUBLISH_VIA_ROOT, fill};

    /// Moves `slot` to the end of the WAL.
    pub fn advance_slot(slot: &str) -> String {
        fill(ADVANCE_SLOT, &[("slot", slot)]).trim_end().to_owned()
    }

    /// Lets changes of `table`, as SQL spells it, carry the old row.
    pub fn identity_full(table: &str) -> String {
        fill(IDENTITY_FULL, &[("table", table)]).trim_end().to_owned()
    }

    /// Adds `table`, as SQL spells it, to `publication`.
    pub fn publish_table(publication: &str, table: &str) -> String {
        fill(PUBLISH_TABLE, &[("publication", publication), ("table", table)]).trim_end().to_owned()
    }

    /// Lets `publication` show partitions as their root table.
    pub fn publish_via_root(publication: &str) -> String {
        fill(PUBLISH_VIA_ROOT, &[("publication", publication)]).trim_end().to_owned()
    }
}

/// Puts values into the variables of `template`: `:"name"` becomes an identifier, `:'name'` a
/// literal, `:name` the value as it stands. What is no variable of `values` stays.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut sql = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find(':') {
        let (before, from_colon) = rest.split_at(at);
        sql.push_str(before);
        let (text, used) = variable(from_colon, values).unwrap_or_else(|| (":".to_owned(), 1));
        sql.push_str(&text);
        rest = &from_colon[used..];
    }
    sql.push_str(rest);
    sql
}

/// The value of the variable that `text` begins with, and how long its name is in the text.
fn variable(text: &str, values: &[(&str, &str)]) -> Option<(String, usize)> {
    let after = &text[1..];
    values.iter().find_map(|(name, value)| {
        let length = name.len();
        for (quote, escape) in [('"', identifier as fn(&str) -> String), ('\'', literal)] {
            let inside = after.strip_prefix(quote).and_then(|inside| inside.strip_prefix(name));
            if inside.is_some_and(|behind| behind.starts_with(quote)) {
                return Some((escape(value), length + 3));
            }
        }
        let behind = after.strip_prefix(name)?;
        let ends = !behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        ends.then(|| ((*value).to_owned(), length + 1))
    })
}

/// `name` as an identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a literal, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    match escaped.contains('\\') {
        true => format!("E'{}'", escaped.replace('\\', "\\\\")),
        false => format!("'{escaped}'"),
    }
}

/// The steps as a script for psql.
pub fn print(steps: &[Step]) -> String {
    let mut script = String::new();
    for Step { subject, action, .. } in steps {
        // Writing to a string cannot fail.
        let _ = match action {
            Action::Already(what) => writeln!(script, "-- {subject}: {what}"),
            Action::Refuse { why, fix } => {
                let fix = fix.replace('\n', "\n--   ");
                writeln!(script, "-- {subject}: not done, {why}\n--   {fix}")
            }
            Action::Run(run) if run.is_alone => {
                writeln!(script, "-- {subject}: {}\n{}", run.done, run.sql.trim_end())
            }
            Action::Run(run) => {
                let sql = run.sql.trim_end();
                writeln!(script, "-- {subject}: {}\n{BEGIN}{sql}\ncommit;", run.done)
            }
        };
        script.push('\n');
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_their_variable_asks() {
        let values = [
            ("slot", "o'clock"),
            ("table", "\"a\".\"b\""),
            ("publication", "Odd \"one\""),
            ("path", r"a\b"),
        ];
        for (template, wanted) in [
            (":'slot'", "'o''clock'"),
            (":'path'", r"E'a\\b'"),
            ("x :\"publication\";", "x \"Odd \"\"one\"\"\";"),
            ("table only :table;", "table only \"a\".\"b\";"),
            ("'a'::text :slots ::table_x", "'a'::text :slots ::table_x"),
        ] {
            assert_eq!(fill(template, &values), wanted);
        }
    }

    #[test]
    fn a_value_is_never_read_as_a_variable() {
        assert_eq!(fill(":'a'", &[("a", ":'b'"), ("b", "x")]), "':''b'''");
    }

    #[test]
    fn migrations_are_numbered_without_a_hole() {
        let numbers: Vec<i32> = MIGRATIONS.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=MIGRATIONS.len() as i32).collect::<Vec<_>>());
    }
}

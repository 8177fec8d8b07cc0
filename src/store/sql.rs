//! Every statement the daemon says, one file each; a test prepares them all.
#![allow(non_upper_case_globals, reason = "a statement is called what its file is called")]

macro_rules! statements {
    ($($name:ident)*) => {
        $(pub(super) const $name: &str =
            include_str!(concat!("../../sql/queries/", stringify!($name), ".sql"));)*
        /// Name and text of each statement.
        pub const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    assert_owner
    backlog_page
    blocked_run
    cancel_pending
    captured_tables
    catalog_relations
    catalog_types
    copy_attempts
    create_slot
    drop_lost_slot
    drop_partitions
    due_page
    endpoint_state
    endpoint_states
    gap_times
    good_columns
    init_lock
    insert_checkpoint
    installed_version
    keep_good_columns
    latest_checkpoint
    load_endpoint
    make_partitions
    modelled_tables
    next_due
    park
    peek_slot
    pending_counts
    publication_state
    published_tables
    raise_alert
    raise_alert_once
    relation_oid
    release_held
    release_in_flight
    remove_endpoints
    reschedule
    server_settings
    server_state
    settle
    settled_beyond
    slot_facts
    slot_state
    status_alert
    status_endpoints
    status_slot
    store_bodies
    stuck_keys
    table_columns
    table_states
    tail_cursor
    tail_page
    take_slot
    trim_checkpoints
    try_init_lock
    waiting_deliveries
}

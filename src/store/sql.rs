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
    activate
    activate_all
    asked_endpoints
    assert_owner
    backlog_page
    blocked_run
    call_back
    callback_exists
    cancel_pending
    cancelled
    captured_tables
    catalog_relations
    catalog_types
    claim_alerts
    claim_inbound
    configuration
    configuration_changes
    copy_attempts
    count_repeats
    create_slot
    drop_bodies
    drop_lost_slot
    drop_partitions
    due_calls
    due_page
    endpoint_fare
    endpoint_state
    endpoint_states
    fail_inbound
    forget_inbound
    forget_models
    forget_rejections
    gap_times
    good_columns
    has_ended
    inbound_errors
    inbound_handlers
    init_lock
    insert_checkpoint
    installed_version
    keep_good_columns
    keep_mappings
    latest_checkpoint
    limit_statements
    listen_alerts
    listen_failures
    listen_queue
    load_endpoint
    lock_inbound_alerts
    lock_processor
    log_rejections
    make_partitions
    mapping_faults
    mirror_applications
    mirror_models
    modelled_tables
    next_due
    next_inbound
    note_failures
    note_faults
    park
    peek_slot
    pending_counts
    processed_inbound
    publication_state
    published_tables
    put_off_call
    raise_alert
    raise_alert_once
    relation_oid
    release_held
    release_in_flight
    release_inbound
    remove_endpoints
    replayed_tokens
    reschedule
    run_inbound
    server_settings
    server_state
    settle
    settle_alerts
    settled_beyond
    slot_facts
    slot_state
    status_alert
    status_endpoints
    status_slot
    store_bodies
    store_inbound
    store_tokens
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

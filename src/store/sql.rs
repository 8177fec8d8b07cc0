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
    assert_owner backlog_page cancel_pending copy_attempts drop_partitions due_page
    endpoint_state endpoint_states good_columns insert_checkpoint keep_good_columns
    latest_checkpoint load_endpoint make_partitions next_due park pending_counts raise_alert
    release_held release_in_flight remove_endpoints relation_oid reschedule settle
    settled_beyond slot_state take_slot trim_checkpoints

    captured_tables init_lock installed_version publication_state server_state try_init_lock
    waiting_deliveries
}

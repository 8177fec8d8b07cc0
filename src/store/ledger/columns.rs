//! Rows of the queue as columns, as statements over `unnest` take them.

use super::{Form, KeptBody, Wait};

/// The columns of the bodies that rows wait with.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) shape: Vec<i64>,
    pub(super) bytes: Vec<i32>,
    pub(super) awaits_template: Vec<bool>,
}

impl Kept {
    pub(super) fn of<'a>(bodies: impl Iterator<Item = &'a KeptBody>) -> Self {
        let mut columns = Self::default();
        for kept in bodies {
            columns.shape.push(kept.shape);
            columns.bytes.push(kept.bytes());
            columns.awaits_template.push(kept.awaits_template);
        }
        columns
    }
}

/// The columns of how they wait.
#[derive(Default)]
pub(super) struct Waits<'a> {
    pub(super) state: Vec<&'a str>,
    pub(super) delay_us: Vec<Option<i64>>,
    pub(super) hold_reason: Vec<Option<&'a str>>,
    pub(super) attempts: Vec<i32>,
    pub(super) charged: Vec<i32>,
    pub(super) status: Vec<Option<i32>>,
    pub(super) error: Vec<Option<&'a str>>,
}

impl<'a> Waits<'a> {
    pub(super) fn of(waits: impl Iterator<Item = &'a Wait>, form: &'a Form) -> Self {
        let mut columns = Self::default();
        for wait in waits {
            columns.state.push(wait.state);
            columns.delay_us.push(wait.delay_us);
            columns.hold_reason.push(wait.hold_reason);
            columns.attempts.push(wait.attempts);
            columns.charged.push(wait.charged);
            columns.status.push(wait.status_code);
            columns.error.push(form.bare().or(wait.error_message.as_deref()));
        }
        columns
    }
}

//! `[applications.NAME]`: tenants.

use super::filter;
use super::identifier::fits;
use super::reader::Problem;
use super::table::Table;
use super::value::Value;
use crate::endpoint::Reach;

/// The application of whoever names none.
pub(super) const DEFAULT: &str = "default";

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// The role whose members see and manage its endpoints.
    pub admin_role: Option<String>,
    /// What may reach its endpoints.
    pub reach: Reach,
}

impl Application {
    /// `default`, which may receive everything.
    pub(super) fn default_one() -> Self {
        Self { name: DEFAULT.to_owned(), admin_role: None, reach: Reach::default() }
    }
}

/// Reads every `[applications.NAME]`; `default` always exists.
pub(super) fn read(root: &mut Table<'_>) -> Vec<Application> {
    let read_all = |applications: &Value<'_>| {
        applications.table(|applications| {
            let read = applications.members().filter_map(|(name, value)| read_one(name, &value));
            Some(read.collect())
        })
    };
    let mut applications: Vec<Application> = root.read("applications", read_all, Vec::new());
    if !applications.iter().any(|application| application.name == DEFAULT) {
        applications.push(Application::default_one());
    }
    applications
}

pub(super) fn read_one(name: &str, value: &Value<'_>) -> Option<Application> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let named = match fits(name) && name.bytes().all(plain) {
        true => Some(()),
        false => value.refuse_key(
            Problem::new("not a name for an application", "[applications.acme]")
                .allowed("1 to 63 of A-Z, a-z, 0-9, _, . and -"),
        ),
    };
    value.table(|table| {
        let admin_role = table.read("admin_role", read_role, None);
        let key = table.read("key", |value| value.text(), String::new());
        // A tenant receives nothing before somebody says what.
        let models = if name == DEFAULT { Reach::default().models } else { Vec::new() };
        let models = table.read("models", filter::read_globs, models);
        named?;
        let key = Some(key).filter(|key| !key.is_empty());
        Some(Application { name: name.to_owned(), admin_role, reach: Reach { key, models } })
    })
}

fn read_role(value: &Value<'_>) -> Option<Option<String>> {
    let role = value.text()?;
    if role.is_empty() {
        return Some(None);
    }
    match fits(&role) {
        true => Some(Some(role)),
        false => value.refuse(
            Problem::new("not a role's name", value.assignment("\"acme_admin\""))
                .allowed("1 to 63 bytes"),
        ),
    }
}

//! `signature` and `timestamp` inside `verify`: where they stand in a request and how they are
//! written.

use std::time::Duration;

use super::super::reader::Problem;
use super::super::table::Table;
use super::super::value::Value;
use super::grammar::{ANYWHERE, IN_REQUEST, read_places};
use super::key::{Algorithm, Form};
use super::place::{Places, is_label};
use super::scheme::{Encoding, Hash, List, TimestampFrom, TimestampUnit};

const MOST_LABELS: usize = 8;
const LONGEST_PREFIX_BYTES: usize = 64;
/// As good as off.
const LONGEST_WINDOW: Duration = Duration::from_secs(3650 * 24 * 3600);
/// What Stripe, Slack and Standard Webhooks allow.
const USUAL_WINDOW: Duration = Duration::from_secs(300);

const ENCODINGS: [(&str, Encoding); 3] =
    [("hex", Encoding::Hex), ("base64", Encoding::Base64), ("text", Encoding::Text)];
const UNITS: [(&str, TimestampUnit); 3] = [
    ("s", TimestampUnit::Seconds),
    ("ms", TimestampUnit::Milliseconds),
    ("rfc3339", TimestampUnit::Rfc3339),
];
/// Algorithms that a version of a signature may have.
const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("hmac-sha256", Algorithm::Hmac(Hash::Sha256)),
    ("hmac-sha1", Algorithm::Hmac(Hash::Sha1)),
    ("hmac-sha512", Algorithm::Hmac(Hash::Sha512)),
    ("ed25519", Algorithm::Ed25519),
];
const FORMS: [(&str, Form); 6] = [
    ("utf8", Form::Utf8),
    ("hex", Form::Hex),
    ("base64", Form::Base64),
    ("whsec", Form::Whsec),
    ("whpk", Form::Whpk),
    ("spki-base64", Form::Spki),
];

/// `signature` as it was given.
pub(super) struct Signature {
    pub(super) from: Places,
    pub(super) prefix: String,
    pub(super) encoding: Option<Encoding>,
    pub(super) list: Option<List>,
    /// What keys its versions have, if it has versions.
    pub(super) versions: Vec<Slot>,
}

/// What keys may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) version: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) form: Form,
}

/// Reads `signature`.
pub(super) fn read_signature(value: &Value<'_>) -> Option<Signature> {
    value.table(|table| {
        let from = table
            .required("from", "from = \"h:X-Signature\"", |from| read_places(from, IN_REQUEST));
        let prefix = table.read("prefix", read_prefix, String::new());
        let encoding = table.optional("encoding", |value| value.one_of(&ENCODINGS));
        let (list, versions) = read_list(table)?;
        if list.is_some() && !prefix.is_empty() {
            let problem = "a list of signatures has no prefix";
            return table.refuse_at(
                "prefix",
                Problem::new(problem, "leave out `prefix`, or `sep` and `kv`"),
            );
        }
        Some(Signature { from: from?, prefix, encoding, list, versions })
    })
}

/// The keys that make a list of it: `sep`, `kv` and `take` or `versions`.
fn read_list(table: &mut Table<'_>) -> Option<(Option<List>, Vec<Slot>)> {
    let separator = table.optional("sep", read_mark);
    let assignment = table.optional("kv", read_mark);
    let take = table.optional("take", |value| value.one_or_more(MOST_LABELS, read_label));
    let versions = table.optional("versions", read_versions);
    let given: Vec<&str> =
        ["sep", "kv", "take", "versions"].into_iter().filter(|key| table.has(key)).collect();
    match given.as_slice() {
        [] => return Some((None, Vec::new())),
        ["sep", "kv", "take"] | ["sep", "kv", "versions"] => {}
        _ => {
            let problem = "a list of signatures is not spelled out";
            let fix = "write sep, kv and take, as in { sep = \",\", kv = \"=\", take = \"v1\" }, \
                       or versions in place of take";
            return table.value().refuse(Problem::new(problem, fix));
        }
    }
    let (separator, assignment) = (separator?, assignment?);
    if separator == assignment {
        let problem = "`sep` and `kv` are the same";
        return table.refuse_at(
            "kv",
            Problem::new(problem, "sep stands between elements, kv between label and value"),
        );
    }
    // Every version is known, even without a key for it: its signature is wrong, not malformed.
    let versions = if table.has("versions") { versions? } else { Vec::new() };
    let labels = versions.iter().filter_map(|slot| slot.version.clone()).collect();
    let take = if table.has("take") { take? } else { labels };
    match take.is_empty() {
        true => table.value().refuse(Problem::new(
            "no element of the list is a signature",
            "name the labels of those that are, as in take = \"v1\"",
        )),
        false => Some((Some(List { separator, assignment, take }), versions)),
    }
}

fn read_versions(value: &Value<'_>) -> Option<Vec<Slot>> {
    value.table(|table| {
        let read: Vec<Option<Slot>> =
            table.members().map(|(label, value)| read_version(label, &value)).collect();
        read.into_iter().collect()
    })
}

fn read_version(label: &str, value: &Value<'_>) -> Option<Slot> {
    let labelled = if is_label(label) { Some(()) } else { refuse_label(value) };
    let slot = value.table(|table| {
        let algorithm =
            table.required("alg", "alg = \"hmac-sha256\"", |value| value.one_of(&ALGORITHMS));
        let form = read_form(table, algorithm);
        Some(Slot { version: Some(label.to_owned()), algorithm: algorithm?, form: form? })
    });
    labelled.and(slot)
}

/// Reads `key`, the form that keys for `algorithm` have.
pub(super) fn read_form(table: &mut Table<'_>, algorithm: Option<Algorithm>) -> Option<Form> {
    let given = table.optional("key", |value| value.one_of(&FORMS));
    let forms = algorithm?.forms();
    if !table.has("key") {
        return forms.first().copied();
    }
    let form = given?;
    if forms.contains(&form) {
        return Some(form);
    }
    let word = |form: &Form| FORMS.iter().find(|(_, other)| other == form).map(|(word, _)| *word);
    let allowed: Vec<&str> = forms.iter().filter_map(word).collect();
    let fix = format!("key = \"{}\"", allowed.first().unwrap_or(&"utf8"));
    table.refuse_at(
        "key",
        Problem::new("keys of this algorithm are not written so", fix).allowed(allowed.join(", ")),
    )
}

/// Reads `timestamp`.
pub(super) fn read_timestamp(value: &Value<'_>) -> Option<TimestampFrom> {
    value.table(|table| {
        let from =
            table.required("from", "from = \"h:X-Timestamp\"", |from| read_places(from, ANYWHERE));
        let unit = table.read("unit", |value| value.one_of(&UNITS), TimestampUnit::Seconds);
        let past = table.read("past", read_window, Some(USUAL_WINDOW));
        let future = table.read("future", read_window, Some(USUAL_WINDOW));
        Some(TimestampFrom { from: from?, unit, past, future })
    })
}

/// Reads how far off a timestamp may be.
pub(super) fn read_window(value: &Value<'_>) -> Option<Option<Duration>> {
    value.tolerance(LONGEST_WINDOW)
}

fn read_prefix(value: &Value<'_>) -> Option<String> {
    let prefix = value.text()?;
    match prefix.len() <= LONGEST_PREFIX_BYTES {
        true => Some(prefix),
        false => value.refuse(
            Problem::new("the prefix is too long", "write what stands before the signature")
                .allowed(format!("at most {LONGEST_PREFIX_BYTES} bytes")),
        ),
    }
}

fn read_mark(value: &Value<'_>) -> Option<char> {
    let text = value.text()?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(mark), None) if !mark.is_control() => Some(mark),
        _ => value.refuse(
            Problem::new("not one character", value.assignment("\",\"")).given(value.given()),
        ),
    }
}

fn read_label(value: &Value<'_>) -> Option<String> {
    let label = value.word()?;
    match is_label(&label) {
        true => Some(label),
        false => refuse_label(value),
    }
}

fn refuse_label<T>(value: &Value<'_>) -> Option<T> {
    value.refuse(
        Problem::new("not the label of a signature", "write it as in v1")
            .allowed("letters, digits, _ and -"),
    )
}

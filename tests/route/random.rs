//! Random rows, documents and filters: a body is always JSON, and what is hidden is nowhere in it.

use proptest::prelude::*;
use serde_json::{Map, Value};
use walhook::change::{Change, ReplicaIdentity};
use walhook::endpoint::Filter;

use crate::given::*;

/// Stands wherever the filters below must not let anything through.
const CANARY: &str = "c4n4ry";

/// A document in which members called `secret`, and all of `home.street`, hold canaries.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            Just("secret".to_owned()),
            Just("home".to_owned()),
            Just("street".to_owned()),
            Just("a.b".to_owned()),
            any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Puts canaries where `meta.secret` and `meta.home.street` lead, through arrays too.
fn plant(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter_mut().for_each(|e| plant(e, path)),
        (Value::Object(members), [last]) => {
            members.insert((*last).to_owned(), Value::from(format!("{CANARY} {last}")));
        }
        (Value::Object(members), [first, rest @ ..]) => {
            let member = members.entry((*first).to_owned()).or_insert_with(|| Map::new().into());
            plant(member, rest);
        }
        _ => {}
    }
}

/// Writes the keys that paths name with escapes here and there, and white space between.
fn disguised(value: &Value, escape: bool) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    if escape { text.replace("\"secret\"", "\"s\\u0065cret\"") } else { text }
}

fn hiding() -> impl Strategy<Value = Filter> {
    let names: &[&str] = &["note", "meta.secret", "meta.home.street"];
    prop_oneof![
        Just(Filter { exclude_fields: lists(&[("*", names)]), ..everything() }),
        Just(Filter { redact_fields: masks(&[("store.Order", names)]), ..everything() }),
        Just(Filter {
            include_fields: lists(&[("*", &["id", "meta.home.no", "meta.a.b"])]),
            ..everything()
        }),
        Just(Filter {
            include_fields: lists(&[("*", &["id", "note", "meta"])]),
            exclude_fields: lists(&[("*", &["note", "meta.secret"])]),
            redact_fields: masks(&[("*", &["meta.home"])]),
            ..everything()
        }),
    ]
}

fn meta() -> impl Strategy<Value = (Value, String)> {
    (document(), any::<bool>()).prop_map(|(mut value, escape)| {
        plant(&mut value, &["secret"]);
        plant(&mut value, &["home", "street"]);
        let text = disguised(&value, escape);
        (value, text)
    })
}

fn row_change(old: [Option<&str>; 6], new: [Option<&str>; 6]) -> Change {
    change(&orders(ReplicaIdentity::Full), update(full(&old), &new))
}

proptest! {
    #[test]
    fn hidden_values_occur_nowhere_in_the_body(
        filter in hiding(), (_, old) in meta(), (_, new) in meta(), status in any::<String>()
    ) {
        let note = format!("{CANARY} note");
        let old = [Some("1"), Some("before"), NULL, Some(&note), Some(&old), NULL];
        let new = [Some("2"), Some(&status), NULL, NULL, Some(&new), NULL];
        let body = body(&mut router(vec![filter]), &row_change(old, new));
        prop_assert!(!body.expect("the key changed").contains(CANARY));
    }

    #[test]
    fn what_is_shown_equals_a_filter_of_the_parsed_document((value, text) in meta()) {
        let filter = Filter { exclude_fields: lists(&[("*", &["meta.secret"])]), ..everything() };
        let row = [Some("1"), NULL, NULL, NULL, Some(text.as_str()), NULL];
        let insert = change(&orders(ReplicaIdentity::Full), insert(&row));
        let body = body(&mut router(vec![filter]), &insert).unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        prop_assert_eq!(&body["object"]["meta"], &without_secret(value));
    }

    #[test]
    fn any_text_in_any_column_and_name_gives_json(
        cells in prop::collection::vec(prop::option::of(any::<String>()), 6), name in any::<String>()
    ) {
        let mut table = orders(ReplicaIdentity::Full);
        table.columns[3].name = name;
        let cells: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        let insert = change(&table, insert(&cells));
        prop_assert!(body(&mut router(vec![everything()]), &insert).is_some());
    }
}

fn without_secret(value: Value) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(without_secret).collect(),
        Value::Object(mut members) => {
            members.remove("secret");
            members.into()
        }
        scalar => scalar,
    }
}

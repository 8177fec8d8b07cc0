//! What we say that jsonb can hold, asked of PostgreSQL.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::given::*;
use crate::support::pg::{Database, Pg};

/// Whether we think that jsonb holds `json`, a member's value.
fn ours(json: &str) -> bool {
    let settings = "secrets = [\"t\"]\nverify = { alg = \"token\", signature = { from = \"h:X-Token\", encoding = \"text\" } }";
    let request = post(&[("x-token", "t")], format!("{{\"a\":{json}}}"));
    accepted(&verifier(settings), &request)[0].payload.is_some()
}

async fn theirs(database: &Database, json: &str) -> bool {
    let cast = "select $1::text::jsonb is not null";
    database.client().query_one(cast, &[&format!("{{\"a\":{json}}}")]).await.is_ok()
}

#[tokio::test]
async fn a_payload_is_left_out_where_jsonb_cannot_hold_it_and_nowhere_else() {
    let database = Pg::shared().database().await;
    let digits = |count: usize| "9".repeat(count);
    let mut texts: Vec<String> = [
        "1e131071",
        "1e131072",
        "10e131070",
        "10e131071",
        "0.1e131072",
        "0.1e131073",
        "0.01e131073",
        "1e-16383",
        "1e-16384",
        "1.0e-16382",
        "1.0e-16383",
        "0e131073",
        "0e1073741822",
        "0e1073741823",
        "0e-16383",
        "0e-16384",
        "0.00e-16381",
        "0.00e-16382",
        "-0e5",
        "-1.5E+3",
        "1e1073741823",
        "1e99999999999999999999",
        "0e99999999999999999999",
        "0.000e16385",
        "123.456e-16380",
        "123.456e-16381",
        "-0",
        "0.0",
        "-0.10e-0",
        "1e400",
        "820982911946154508",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\\\\ude00\"",
        "\"\\\\u0000\"",
        "\"\\ud83dx\\ude00\"",
        "{\"\\u0000\":1}",
        "{\"a\":1,\"a\":2}",
        "\"\\u007f\"",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(digits(131_072));
    texts.push(digits(131_073));
    texts.push(format!("0.{}", digits(16_383)));
    texts.push(format!("0.{}", digits(16_384)));
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let levels = 5_999 / open.matches(['[', '{']).count();
        texts.push(format!("{}1{}", open.repeat(levels), close.repeat(levels)));
    }
    for text in texts {
        let shown = &text[..text.len().min(40)];
        assert_eq!(ours(&text), theirs(&database, &text).await, "{shown}");
    }
}

/// Numbers and strings about the limits.
fn tricky() -> impl Strategy<Value = String> {
    let digits = prop_oneof![Just("0".to_owned()), "[1-9][0-9]{0,3}"];
    let exponent = prop_oneof![
        Just(String::new()),
        (-20_000_i64..-16_000).prop_map(|exponent| format!("e{exponent}")),
        (131_050_i64..131_080).prop_map(|exponent| format!("E+{exponent}")),
        any::<i32>().prop_map(|exponent| format!("e{exponent}")),
    ];
    let number = ("-?", digits, "(\\.[0-9]{1,4})?", exponent).prop_map(
        |(sign, digits, fraction, exponent)| format!("{sign}{digits}{fraction}{exponent}"),
    );
    let piece = prop_oneof![
        Just("\\u0000"),
        Just("\\uD83D"),
        Just("\\udE00"),
        Just("\\\\"),
        Just("\\n"),
        Just("u0000"),
        Just("\\u00e9"),
        Just("x"),
    ];
    let string =
        prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    prop_oneof![number, string.clone(), string.prop_map(|name| format!("[{{{name}:[]}}, 1]"))]
}

#[test]
fn we_agree_with_postgresql_on_random_values() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let database = runtime.block_on(Pg::shared().database());
    let mut runner = TestRunner::new(Config { cases: 2_000, ..Config::default() });
    let agrees = |text: String| {
        let theirs = runtime.block_on(theirs(&database, &text));
        prop_assert_eq!(ours(&text), theirs, "{}", text);
        Ok(())
    };
    runner.run(&tricky(), agrees).unwrap();
}

//! What becomes of genuine bodies: events, their ids and types, and their bytes.

use bytes::Bytes;
use walhook::inbound::verdict::{Draft, Request};
use walhook::inbound::verify::Verifier;

use crate::given::*;

/// A source that anybody may post to who knows its token, with these events.
fn open(events: &str) -> Verifier {
    let verify =
        "verify = { alg = \"token\", signature = { from = \"h:X-Token\", encoding = \"text\" } }";
    verifier(&format!("secrets = [\"t\"]\n{verify}\n{events}"))
}

fn sent(content_type: &str, body: impl Into<Bytes>) -> Request {
    post(&[("x-token", "t"), ("content-type", content_type)], body)
}

fn events(settings: &str, body: &'static str) -> Vec<Draft> {
    accepted(&open(settings), &sent("application/json", body))
}

fn named(drafts: &[Draft]) -> Vec<(&str, Option<&str>)> {
    drafts.iter().map(|draft| (draft.event_id.as_str(), draft.event_type.as_deref())).collect()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn the_first_place_that_holds_a_text_gives_the_id() {
    let settings = "events = { id = [\"h:X-Id\", \"j:a\", \"j:b.0\"], id_template = [\"{j:x}-{j:y}\", \"{j:x}!\"] }";
    for (body, id) in [
        (r#"{"a":"1","b":["2"]}"#, "1"),
        (r#"{"a":"","b":["2"]}"#, "2"),
        (r#"{"a":null,"b":[2.50]}"#, "2.50"),
        (r#"{"a":{},"b":[true]}"#, "true"),
        (r#"{"a":"1","a":"3"}"#, "3"),
        (r#"{"x":"1","y":9007199254740993}"#, "1-9007199254740993"),
        (r#"{"x":"1","y":""}"#, "1!"),
        (r#"{"a":"\u00e9\u2615"}"#, "é☕"),
    ] {
        assert_eq!(events(settings, body)[0].event_id, id, "{body}");
    }
    let body = r#"{"y":1}"#;
    assert_eq!(events(settings, body)[0].event_id, format!("sha256:{}", sha256_hex(body)));
}

#[test]
fn an_id_that_postgresql_could_not_keep_unique_is_hashed() {
    let settings = "events = { id = \"j:a\" }";
    let long = "x".repeat(1_025);
    let body = format!(r#"{{"a":"{long}"}}"#);
    let drafts = accepted(&open(settings), &sent("application/json", body));
    assert_eq!(drafts[0].event_id, format!("sha256:{}", sha256_hex(long)));
    let nul = events(settings, r#"{"a":"x\u0000"}"#);
    assert_eq!(nul[0].event_id, format!("sha256:{}", sha256_hex("x\0")));
    assert_eq!(nul[0].payload, None);
    let longest = "x".repeat(1_024);
    let body = format!(r#"{{"a":"{longest}"}}"#);
    assert_eq!(accepted(&open(settings), &sent("application/json", body))[0].event_id, longest);
}

#[test]
fn a_type_that_is_too_long_makes_the_event_unusable_and_not_lost() {
    let settings = "events = { type = \"j:a\" }";
    for (text, unusable) in [
        ("x".repeat(255), None),
        ("x".repeat(256), Some("its type is longer than 255 bytes")),
        ("x\\u0000".to_owned(), Some("its type has a NUL character")),
    ] {
        let body = format!(r#"{{"a":"{text}"}}"#);
        let drafts = accepted(&open(settings), &sent("application/json", body));
        assert_eq!(drafts[0].unusable, unusable);
        assert_eq!(drafts[0].event_type.is_some(), unusable.is_none());
    }
}

#[test]
fn items_of_a_batch_keep_their_bytes() {
    let settings = "events = { shape = \"array\", id = \"j:id\", type = \"j:type\" }";
    let body = " [ {\"id\" : 1,\r\n\"type\":\"a\"},\r\n{\"id\":1,\"type\":\"a\"} , 7,\"x\", null, [{}], {} ]\r\n";
    let drafts = events(settings, body);
    let raws: Vec<&[u8]> = drafts.iter().map(|draft| draft.raw.as_ref()).collect();
    let expected: [&[u8]; 7] = [
        b"{\"id\" : 1,\r\n\"type\":\"a\"}",
        b"{\"id\":1,\"type\":\"a\"}",
        b"7",
        b"\"x\"",
        b"null",
        b"[{}]",
        b"{}",
    ];
    assert_eq!(raws, expected);
    assert_eq!(&named(&drafts)[..2], [("1", Some("a")), ("1", Some("a"))]);
    for draft in &drafts[2..6] {
        assert_eq!(draft.unusable, Some("the item is not an object"));
        assert_eq!(draft.event_id, format!("sha256:{}", sha256_hex(&draft.raw)));
        assert!(draft.payload.is_some());
    }
    assert_eq!(drafts[6].unusable, None);
    assert_eq!(events(settings, "[]"), []);
    let object = sent("application/json", "{}");
    assert_eq!(reason(&open(settings), &object), "bad_body");
}

#[test]
fn a_list_inside_an_object_is_split_where_it_is_there() {
    let settings =
        "events = { each = \"data.items\", unwrap = \"item\", id = \"j:id\", type = \"j:t\" }";
    let drafts =
        events(settings, r#"{"id":"outer","data":{"items":[{"item":{"id":"1"}}, {"id":"2"}]}}"#);
    assert_eq!(named(&drafts), [("1", None), ("2", None)]);
    assert_eq!(drafts[0].raw, r#"{"item":{"id":"1"}}"#);
    assert_eq!(drafts[0].payload.as_deref(), Some(r#"{"id":"1"}"#));
    for single in [r#"{"id":"outer"}"#, r#"{"id":"outer","data":{"items":{}}}"#] {
        assert_eq!(named(&events(settings, single)), [("outer", None)], "{single}");
    }
    assert_eq!(events(settings, r#"{"id":"outer","data":{"items":[]}}"#), []);
}

#[test]
fn the_number_of_events_in_a_body_is_bounded() {
    let verifier = open("events = { shape = \"array\" }");
    let batch = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    assert_eq!(accepted(&verifier, &sent("", batch(20_000))).len(), 20_000);
    assert_eq!(reason(&verifier, &sent("", batch(20_001))), "bad_body");
}

#[test]
fn a_payload_is_the_body_as_it_was_written() {
    let body = r#"{"id":820982911946154508,"a":1.10,"b":"\/","a":1e2}"#;
    let drafts = events("", body);
    assert_eq!(drafts[0].payload.as_deref(), Some(body));
    assert_eq!(drafts[0].raw, body);
    let marked = "\u{feff} {\"a\":1}\n";
    let drafts = events("", marked);
    assert_eq!(drafts[0].payload.as_deref(), Some("{\"a\":1}"));
    assert_eq!(drafts[0].raw, marked);
}

#[test]
fn deep_json_is_an_event_whatever_its_depth() {
    let nested = |levels: usize| {
        let body = format!("{{\"id\":\"1\",\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        accepted(&open("events = { id = \"j:id\" }"), &sent("", body)).remove(0)
    };
    assert!(nested(200).payload.is_some());
    assert!(nested(5_999).payload.is_some());
    let deepest = nested(400_000);
    assert_eq!((deepest.event_id.as_str(), deepest.payload), ("1", None));
}

#[test]
fn a_form_is_an_event_with_its_fields_as_members() {
    let verifier = open("events = { id = \"j:data.id\", type = \"f:type\" }");
    let body = "type=a%20b&data[id]=7&tag=x&tag=y&empty=";
    let drafts =
        accepted(&verifier, &sent("application/x-www-form-urlencoded; charset=utf-8", body));
    assert_eq!(named(&drafts), [("7", Some("a b"))]);
    let payload = r#"{"data[id]":"7","empty":"","tag":["x","y"],"type":"a b"}"#;
    assert_eq!(drafts[0].payload.as_deref(), Some(payload));
    assert_eq!(drafts[0].raw, body);
    let nul = accepted(&verifier, &sent(FORM, "type=%00"));
    assert_eq!((nul[0].payload.as_deref(), nul[0].event_type.as_deref()), (None, None));
    let twice = accepted(&verifier, &sent(FORM, "data[id]=1&data[id]=2"));
    assert!(twice[0].event_id.starts_with("sha256:"));
}

#[test]
fn json_in_the_one_field_payload_is_the_event() {
    let verifier = open("events = { id = \"j:id\", type = \"j:type\" }");
    let body = "payload=%7B%22id%22%3A%221%22%2C%22type%22%3A%22t%22%7D";
    let drafts = accepted(&verifier, &sent(FORM, body));
    assert_eq!(named(&drafts), [("1", Some("t"))]);
    assert_eq!(drafts[0].payload.as_deref(), Some(r#"{"id":"1","type":"t"}"#));
    assert_eq!(drafts[0].raw, body);
}

#[test]
fn json_sent_as_a_form_by_mistake_is_json() {
    let verifier = open("events = { id = \"j:id\" }");
    assert_eq!(named(&accepted(&verifier, &sent(FORM, r#"{"id":"a&b=c"}"#))), [("a&b=c", None)]);
    assert_eq!(reason(&open("events = { shape = \"form\" }"), &sent("", "a=1")), "bad_body");
}

fn part(head: &str, content: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
}

#[test]
fn files_are_described_and_never_taken_for_fields() {
    let verifier =
        open("events = { shape = \"form\", id = \"f:Message-Id\", type = \"=inbound\" }");
    let parts = [
        part("name=\"subject\"", "Hi"),
        part("name=\"Message-Id\"; filename=\"x\"", "forged"),
        "--XX--\r\n".to_owned(),
    ];
    let body = parts.concat();
    let drafts = accepted(&verifier, &sent("multipart/form-data; boundary=\"XX\"", body.clone()));
    let derived = format!("sha256:{}", sha256_hex(&body));
    assert_eq!(named(&drafts), [(derived.as_str(), Some("inbound"))]);
    let payload: serde_json::Value =
        serde_json::from_str(drafts[0].payload.as_ref().unwrap()).unwrap();
    let file = serde_json::json!({
        "name": "x",
        "type": null,
        "size": 6,
        "sha256": sha256_hex("forged"),
    });
    assert_eq!(payload, serde_json::json!({"subject": "Hi", "Message-Id": file}));
    assert_eq!(reason(&verifier, &sent("multipart/form-data; boundary=YY", body)), "bad_body");
}

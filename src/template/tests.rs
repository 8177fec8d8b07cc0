use super::*;

const PAYLOAD: &str = r#"{"id":"evt_1","type":"order.updated","event":"updated","schema_version":1,
"timestamp":"2026-01-16T12:30:00Z","model":{"app":"store","name":"Order","label":"store.Order"},
"object":{"id":"42","reference":"a\"b\\</script>\n\u2028é😀","status":"shipped","total":"1.10","tags":["new","hot"],
"doc":{"z":1.10,"a":9007199254740993,"n":3.14159265358979323846,"deep":[{"k":null},{"k":true}],"":0}},
"changes":{"status":{"old":"pending","new":"shipped"}},"user":null}"#;
const MOST_BYTES: usize = 8 * 1024 * 1024;

fn parse(source: &str) -> Template {
    Template::parse(source, MOST_BYTES).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn render(source: &str) -> String {
    let bytes = parse(source).render(&Bytes::from_static(PAYLOAD.as_bytes()));
    let bytes = bytes.unwrap_or_else(|error| panic!("{source}: {error}"));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn failure(source: &str) -> String {
    let rendered = parse(source).render(&Bytes::from_static(PAYLOAD.as_bytes()));
    rendered.expect_err(source).to_string()
}

fn refusal(source: &str) -> String {
    Template::parse(source, MOST_BYTES).expect_err(source).to_string()
}

#[test]
fn values_render_as_json() {
    for (source, expected) in [
        (r#"{"kind": {{ "order_" ~ event }}}"#, r#"{"kind": "order_updated"}"#),
        ("{{ object.reference }}", r#""a\"b\\</script>\n"#),
        ("{{ user }}", "null"),
        ("{{ schema_version }}", "1"),
        ("{{ schema_version + 1 }}", "2"),
        ("{{ object.tags }}", r#"["new","hot"]"#),
        ("{{ object.tags[1] }}", r#""hot""#),
        ("{{ object.tags|join('+') }}", r#""new+hot""#),
        ("{{ object.tags|length }}", "2"),
        ("{{ {'b': 1, 'a': object.tags} }}", r#"{"b":1,"a":["new","hot"]}"#),
        ("{{ object.total|float * 2 }}", "2.2"),
        ("{{ object.status|upper }}", r#""SHIPPED""#),
        ("{{ changes.status.old ~ '>' ~ changes.status.new }}", r#""pending>shipped""#),
        (
            "[{% for tag in object.tags %}{{ tag }}{% if not loop.last %},{% endif %}{% endfor %}]",
            r#"["new","hot"]"#,
        ),
        ("{{ object.doc.deep|map(attribute='k')|list }}", "[null,true]"),
        ("{{ object.doc|items|length }}", "5"),
        ("{{ object.doc.keys is defined }}", "false"),
        ("{{ 'text: ' ~ object.tags }}", r#""text: [\"new\",\"hot\"]""#),
        ("{{ object.tags|tojson }}", r#"["new","hot"]"#),
        ("{{ {'doc': object.doc}|tojson|length > 40 }}", "true"),
        ("{{ object.note|default('none') }}", r#""none""#),
        ("{% if object.note %}1{% else %}2{% endif %}", "2"),
        ("{{ object.note if object.note }}", "null"),
        ("{% if unavailable is defined %}1{% else %}2{% endif %}", "2"),
        ("  \n{\"a\": 1}\n\n", r#"{"a": 1}"#),
        ("{% set x = object.status %}{{ x }}", r#""shipped""#),
        ("{# a comment #}{{ id }}", r#""evt_1""#),
    ] {
        let rendered = render(source);
        assert!(rendered.starts_with(expected), "{source}: {rendered}");
        serde_json::from_str::<serde::de::IgnoredAny>(&rendered).unwrap();
    }
}

#[test]
fn hostile_text_comes_out_as_it_went_in() {
    let object: serde_json::Value = serde_json::from_str(PAYLOAD).unwrap();
    let rendered: serde_json::Value =
        serde_json::from_str(&render("{{ object.reference }}")).unwrap();
    assert_eq!(rendered, object["object"]["reference"]);
}

#[test]
fn what_is_written_whole_keeps_its_bytes_and_what_is_taken_out_its_digits() {
    let doc = r#"{"z":1.10,"a":9007199254740993,"n":3.14159265358979323846,"deep":[{"k":null},{"k":true}],"":0}"#;
    assert_eq!(render("{{ object.doc }}"), doc);
    assert_eq!(render("{{ {'doc': object.doc} }}"), format!(r#"{{"doc":{doc}}}"#));
    assert_eq!(
        render("{{ [object.doc.a, object.doc.a + 1, object.doc.n, object.doc.z] }}"),
        "[9007199254740993,9007199254740994,3.14159265358979323846,1.1]"
    );
    assert_eq!(
        render("[{% for name in object.doc %}{{ name }},{% endfor %}0]"),
        r#"["z","a","n","deep","",0]"#
    );
}

#[test]
fn a_fault_of_syntax_or_of_a_name_is_found_before_any_event() {
    for (source, expected) in [
        (
            "{{ object.id ",
            "line 1, column 11: unexpected end of input, expected end of variable block",
        ),
        (
            "{\n  \"é\": {{ objct.id }}\n}",
            "line 2, column 11: there is no member of the payload called objct; did you mean object?",
        ),
        (
            "{{ status }}",
            "line 1, column 4: there is no member of the payload called status; there is id, type, event,",
        ),
        ("{{ id|uper }}", "line 1, column 7: there is no filter called uper; did you mean upper?"),
        (
            "{{ id is strin }}",
            "line 1, column 10: there is no test called strin; did you mean string?",
        ),
        ("{{ now() }}", "line 1, column 4: there is no function called now; there is dict, range"),
        (
            "{{ id.upper() }}",
            "line 1, column 6: values have no methods, and so no upper(); write |upper",
        ),
        ("{% include 'secrets.txt' %}", "line 1, column 4: unknown statement include"),
        ("{% extends 'x' %}", "line 1, column 4: unknown statement extends"),
        ("{% import 'x' as y %}", "line 1, column 4: unknown statement import"),
        ("{% macro x() %}{% endmacro %}", "line 1, column 4: unknown statement macro"),
        ("{{ namespace(x=1) }}", "line 1, column 4: there is no function called namespace"),
        ("{{ debug() }}", "line 1, column 4: there is no function called debug"),
        (
            "{% for x in object.tags %}{{ y }}{% endfor %}",
            "line 1, column 30: there is no member of the payload called y",
        ),
        (
            "{% for x in object.tags %}{% endfor %}{{ x }}",
            "line 1, column 42: there is no member of the payload called x",
        ),
    ] {
        let refusal = refusal(source);
        assert!(refusal.starts_with(expected), "{source}: {refusal}");
    }
    assert_eq!(refusal(&" ".repeat(MOST_SOURCE_BYTES + 1)), "as a whole: longer than 32 KiB");
    for nested in ["(", "[", "not ", "-", "1 + ", "{'a': ", "id|default("] {
        refusal(&format!("{{{{ {}", nested.repeat(3000)));
    }
    refusal(&"{% if 1 %}".repeat(3000));
}

#[test]
fn a_failure_says_where_and_why_and_shows_no_value() {
    let mut wrong = String::new();
    for (source, expected) in [
        ("{{ object.nme }}", "template line 1, column 4: `object.nme` is undefined"),
        ("\n{{ object.nme.first }}", "template line 2, column 10: `object.nme` is undefined"),
        ("{{ user.name.first }}", "template line 1, column 8: `user.name` is undefined"),
        ("{{ source.table }}", "template line 1, column 4: `source` is undefined"),
        (
            "{{ object.status + 1 }}",
            "template line 1, column 4: invalid operation in object.status + 1",
        ),
        ("{{ object.status|int }}", "template line 1, column 18: invalid operation in int"),
        (
            "{{ 'hush' ~ object.status + 1 }}",
            "template line 1, column 4: invalid operation in '…' ~ object.status + 1",
        ),
        (
            "{{ schema_version / 0 }}",
            "template line 1, column 4: invalid operation in schema_version / 0",
        ),
        (
            "{{ object.doc.n * 2 }}",
            "template line 1, column 4: invalid operation in object.doc.n * 2",
        ),
        ("", "template as a whole: the result is empty, and not JSON"),
        (
            "{\"text\": hello}",
            "template line 1, column 10: the result is not JSON from here on: expected value",
        ),
        (
            "{\n\"a\": {{ id }},\n}",
            "template line 3, column 1: the result is not JSON from here on: key must be a string",
        ),
        (
            "{{ id }} {{ id }}",
            "template line 1, column 13: the result is not JSON from here on: trailing characters",
        ),
        (
            "{\"a\": {{ object.status|safe }}}",
            "template line 1, column 10: the result is not JSON from here on: expected value",
        ),
        (
            "{{ object.doc.deep[0].k.x }}",
            "template line 1, column 4: `object.doc.deep[0].k.x` is undefined",
        ),
        (
            "{% for x in schema_version %}{% endfor %}",
            "template line 1, column 13: invalid operation in schema_version",
        ),
    ] {
        let failure = failure(source);
        if !failure.starts_with(expected) {
            wrong.push_str(&format!("{source}: {failure}\n"));
        }
        assert!(!failure.contains("shipped") && !failure.contains("hush"), "{failure}");
    }
    assert_eq!(wrong, "");
}

#[test]
fn no_template_runs_for_long_or_takes_much_memory() {
    let doubled = "{% set x = x ~ x %}".repeat(60);
    let shared = "{% set x = [x, x] %}".repeat(60);
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
            .to_owned(),
        format!("{{% set x = object.status %}}{doubled}{{{{ x }}}}"),
        format!("{{% set x = 1 %}}{shared}{{{{ x }}}}"),
        format!("{{% set x = 1 %}}{shared}{{{{ x|tojson }}}}"),
        "{{ 'x' * 90000000 }}".to_owned(),
        "{% set x %}{% for a in range(100000) %}{{ object }}{% endfor %}{% endset %}{{ x }}"
            .to_owned(),
        "{{ object.tags|join('x' * 10000000) }}".to_owned(),
        "{{ object.status|replace('', 'x' * 1000000) }}".to_owned(),
        "{{ '%100000000d'|format(1) }}".to_owned(),
        "{% for a in [1] recursive %}{{ loop([1]) }}{{ loop([1]) }}{% endfor %}".to_owned(),
    ] {
        let begun = std::time::Instant::now();
        let failure = failure(&source);
        let bounds = [
            "it does too much",
            "larger than max_event_bytes",
            "nested too deep",
            "too many values",
            "invalid operation",
        ];
        assert!(bounds.iter().any(|bound| failure.contains(bound)), "{source}: {failure}");
        assert!(begun.elapsed().as_secs() < 5, "{source}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_result_is_bounded_in_bytes_and_depth() {
    let payload = Bytes::from_static(PAYLOAD.as_bytes());
    let small = Template::parse("{{ object }}", 100).unwrap();
    let failure = small.render(&payload).unwrap_err().to_string();
    assert!(failure.contains("larger than max_event_bytes"), "{failure}");
    let nested = |levels| format!("{{{{ ('[' * {levels} ~ ']' * {levels})|safe }}}}");
    assert_eq!(render(&nested(500)).len(), 1000);
    assert!(super::tests::failure(&nested(501)).contains("nested deeper than 500"));
}

#[test]
fn a_payload_that_nobody_can_hold_is_passed_on_and_not_looked_into() {
    let deep = format!(r#"{{"object":{{"doc":{}1{}}}}}"#, "[".repeat(300), "]".repeat(300));
    let long = format!(r#"{{"object":{{"doc":[{}1]}}}}"#, "1,".repeat(600_000));
    let half = r#"{"object":{"doc":"\ud800"}}"#.to_owned();
    for (payload, inside, problem) in [
        (deep, format!("{{{{ object.doc{} }}}}", "[0]".repeat(200)), "nested too deep"),
        (long, "{{ object.doc[0] }}".to_owned(), "too long for a template to look into"),
        (half, "{{ object.doc }}".to_owned(), "half of a character"),
    ] {
        let payload = Bytes::from(payload);
        let whole = parse("{{ object }}").render(&payload).unwrap();
        assert!(payload.len() == whole.len() + r#"{"object":}"#.len());
        let failure = parse(&inside).render(&payload).unwrap_err().to_string();
        assert!(failure.contains(problem), "{failure}");
    }
}

#[test]
fn every_name_that_is_offered_exists() {
    let exists = |source: String| match Template::parse(&source, MOST_BYTES) {
        Err(error) => panic!("{source}: {error}"),
        Ok(template) => {
            let rendered = template.render(&Bytes::from_static(PAYLOAD.as_bytes()));
            let failure = rendered.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!failure.contains("unknown"), "{source}: {failure}");
        }
    };
    FILTERS.iter().for_each(|name| exists(format!("{{{{ object|{name} }}}}")));
    TESTS
        .iter()
        .filter(|name| **name != "in")
        .for_each(|name| exists(format!("{{{{ object is {name} }}}}")));
    FUNCTIONS.iter().for_each(|name| exists(format!("{{{{ {name}() }}}}")));
}

#[test]
fn a_shape_tells_templates_and_bodies_apart() {
    let (first, second) = (parse("{{ id }}"), parse("{{ type }}"));
    assert_eq!(first.shape(1), parse("{{ id }}").shape(1));
    assert_ne!(first.shape(1), first.shape(2));
    assert_ne!(first.shape(1), second.shape(1));
    assert_eq!(
        first.shape(1),
        -4_907_809_178_763_458_598,
        "it stands in queues: a change of it sends bodies twice"
    );
}

#[test]
fn nothing_shows_the_text_of_a_template() {
    assert_eq!(format!("{:?}", parse("{{ 'hush' }}")), "Template { .. }");
}

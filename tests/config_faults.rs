//! What is said of mistakes: the whole text of every fault, as its reader sees it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use walhook::config::{Config, Environment, Faults};

/// A directory that holds `config.toml` with `text`.
fn file_with(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).expect("the file can be written");
    (directory, path)
}

fn environment(more: &[(&str, &str)]) -> Environment {
    let base = [("DATABASE_URL", "postgres://walhook@localhost/shop"), ("EMPTY", "")];
    base.iter().chain(more).map(|(name, value)| (*name, *value)).collect()
}

/// The faults of `text` as printed; the directory's name is cut out.
fn faults(text: &str, variables: &[(&str, &str)]) -> String {
    let (directory, path) = file_with(text.as_bytes());
    let found = Config::load(Some(&path), &environment(variables)).expect_err(text);
    found.to_string().replace(&format!("{}/", directory.path().display()), "")
}

const DATABASE: &str = "[database]\nurl = \"${DATABASE_URL}\"\n";

/// Lines that are wrong at the end of an endpoint.
const IN_ENDPOINT: &[&str] = &[
    "timeout = 30",
    "timeout = 1.5",
    "timeout = \"1.5h\"",
    "timeout = \"2h\"",
    "timeout = 1979-05-27",
    "timeuot = \"30s\"",
    "method = \"post\"",
    "enabled = \"true\"",
    "max_in_flight = \"8\"",
    "max_in_flight = 0",
    "max_in_flight = 99999999999999999999",
    "ordering = \"row\"",
    "events = \"order.*\"",
    "events = []",
    "events = [\"create\", \"order\", \"a,b\", \"**\", \" x.y\", \"a?.b\", \"\"]",
    "include_models = [5]",
    "include_fields = { \"store.*\" = [\"id\"], Order = [\"id\"] }",
    "exclude_fields = { \"*\" = \"password\" }",
    "redact_fields = { \"store.Order\" = { total = 0, \"a*\" = \"x\" } }",
    "signature = [\"standard\", \"standard\"]",
    "signature = [\"x-webhook\", \"body\"]",
    "signature = []\nsecrets = [\"hunter2\"]",
    "secrets = [\"\", \"whsec_\", \"whsec_hunter2!\", \"${EMPTY}\", \"${UNSET}\", \"${\", \"file:/nowhere/x\", 7]",
    "secrets = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]",
    "headers = { \"Content-Type\" = \"x\", \"Webhook-Id\" = \"x\", \"X-Webhook-Foo\" = \"x\", \"a b\" = \"x\" }",
    "headers = { \"X-A\" = \"a\\r\\nb\", \"X-B\" = \"\\u0000\", \"X-C\" = 1, \"x-a\" = \"1\" }",
    "headers = { Authorization = \"Bearer hunter2\" }\nauth = { type = \"bearer\", token = \"hunter2\" }",
    "headers = { X-Signature = \"hunter2\" }\nsignature = [\"x-signature\"]",
    "auth = { type = \"basic\", username = \"a:b\" }",
    "auth = { type = \"bearer\", token = \"hun ter2\", password = \"hunter2\" }",
    "auth = { type = \"oauth2\", client_id = \"x\", client_secret = \"hunter2\" }",
    "auth = { type = \"oauth2\", client_id = \"\", client_secret = \"\", token_url = \"http://hunter2.example\", scope = \"a  b\", token = \"hunter2\" }",
    "auth = { type = \"oauth2\", client_id = \"x\", client_secret = \"hunter2\", token_url = \"https://hunter2@x/#hunter2\" }",
    "auth = { type = \"oauth2\", client_id = \"x\", client_secret = \"hunter2\", token_url = \"https://x:hunter2@x/\" }",
    "auth = { type = \"oauth\" }",
    "auth = { user = \"x\" }",
    "tls = { cert_file = \"/nowhere/cert.pem\" }",
    "tls = { ca = \"x\" }",
    "retry = { schedule = [\"1m\"], max_retries = 5 }",
    "retry = { schedule = [\"31d\"], jitter = 1.5, retry_on_status = [200, \"503\"] }",
    "retry = { max_retries = 1000, backoff_factor = 0.5, retry_delay = \"-1s\" }",
    "retry = 5",
    "failure_rest = []",
    "alert_after = [0]",
    "condition = \"lower(status) = 'paid'\"",
    "condition = \"new.total > (select 5)\"",
    "condition = \"new.total >\"",
    "condition = true",
    "transform = \"{{ objct.id }}\"",
    "transform = '''\n{\n  \"text\": {{ object.note|uper }}\n}'''",
    "transform = 5",
    "application = \"acme\"",
    "exclude_origins = [\"Stripe\", \"acme.*\", \"\", 5, \"*\"]",
    "exclude_origins = \"stripe\"",
    "\"odd key\\u001b[31m\" = 1",
];

/// URLs that are wrong; each may hold a secret anywhere.
const URLS: &[&str] = &[
    "crm.example.com/hunter2",
    "http://u:hunter2@crm.example.com",
    "ftp://crm.example.com",
    "https://crm.example.com/#hunter2",
    "https://crm.example.com:0/",
    "https://u:hunter2@crm.example.com:hunter2/",
    "https:///hunter2",
    "https://a%3Ab:hunter2@crm.example.com",
    " https://crm.example.com",
    "",
];

/// Whole files that are wrong.
const FILES: &[&str] = &[
    "",
    "[databas]\nurl = \"hunter2\"\n",
    "[database]\nurl = 5\nslot = \"Wal-Hook\"\npublication = \"\"\ntables = [\"orders\", \"public.Orders\", \"a.b.c\", \"walhook.log\", \"public.*\", \"*\"]\n",
    "[database]\nurl = \"postgres://u@h\"\ncapture = \"triggers\"\n",
    "database = \"hunter2\"\n",
    "[database]\nurl = \"postgres://u:hunter2@h/d?hunter2=hunter2\"\n",
    "[database]\nurl = \"host=h user=u password=hunter2 hunter2 sslmod=require\"\n",
    "[database]\nurl = \"host=h user=u password=hunter2 sslmode=hunter2\"\n",
    "[database]\nurl = \"mysql://u:hunter2@h/d\"\n",
    "[models.Order]\ntable = \"public.orders\"\n[models.\"store.Order\"]\n[models.\"a.B\"]\ntable = \"public.*\"\nevents = [\"create\"]\nevent_prefix = \"a..b\"\nuser = { id = \"\" }\ncondition = \"new.x ~ 'a'\"\napplication = \"tenant\"\n",
    "[models.\"a.A\"]\ntable = \"public.orders\"\n[models.\"a.B\"]\ntable = 'public.\"orders\"'\n",
    "[models.\"a.A\"]\ntable = \"public.orders\"\nevents = [\"created\"]\n[[event_types]]\nname = \"a.created\"\nmodel = \"a.B\"\non = []\n[[event_types]]\nname = \"low\"\nmodel = \"a.A\"\non = [\"updated\"]\ncondition = \"now() > new.t\"\n[[event_types]]\nname = \"a.x\"\nmodel = \"a.A\"\non = [\"created\"]\n[[event_types]]\nname = \"a.x\"\nmodel = \"a.A\"\non = [\"created\"]\n",
    "[endpoints]\nname = \"crm\"\n",
    "[[endpoints]]\n[[endpoints]]\nname = \"a b\"\nurl = \"https://x\"\n[[endpoints]]\nname = \"c\"\nurl = \"https://x\"\n[[endpoints]]\nname = \"c\"\nurl = \"https://x\"\n",
    "[ops]\nlisten = \"0.0.0.0:9090\"\n",
    "[ops]\nlisten = \"localhost:9090\"\ntoken = \"hun ter2\"\n",
    "[security]\nallow_http = 1\nallow_cidrs = [\"10.0.0.1/8\", \"10.0.0.1\", \"fd00::1/8\", \"private\"]\n",
    "[retention]\nsucceeded = 90\nfailed = \"1h\"\ninbound = \"365d\"\nresponse_body_bytes = -1\n",
    "[payload]\nint8 = \"text\"\n",
    "[delivery]\nmemory_budget_mb = 0\non_gap = \"fail\"\non_failure = \"callback\"\nfailure_callback = \"f\"\nlog_payload = \"no\"\nname = \"x\"\n",
    "[applications.acme]\n[[event_types]]\n[console]\n[alerts]\ncallback = \"f\"\n",
    "[alerts]\nurl = \"http://hooks.example.com/hunter2\"\nslack = \"hunter2\"\n",
    "[alerts]\nurl = \"https://hunter2@hooks.example.com\"\ncallback = \"f\"\n",
    "[database\nurl = \"hunter2\"\n",
    "[database]\nurl = \"hunter2\n[ops]\ntoken = hunter2\n",
    "[database]\nurl = \"a\"\nurl = \"hunter2\"\n[database]\n",
    "[[endpoints]]\nsecrets = [\n  \"hunter2\"\n  \"hunter2\",\n]\ntimeout = 30s\n",
];

fn section(report: &mut String, input: &str, found: &str) {
    for line in input.lines() {
        writeln!(report, "# {line}").expect("a String takes all");
    }
    writeln!(report, "{found}\n").expect("a String takes all");
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_fix() {
    let mut report = String::new();
    for line in IN_ENDPOINT {
        let text =
            format!("{DATABASE}[[endpoints]]\nname = \"crm\"\nurl = \"https://x\"\n{line}\n");
        section(&mut report, line, &faults(&text, &[]));
    }
    for url in URLS {
        let text = format!("{DATABASE}[[endpoints]]\nname = \"crm\"\nurl = \"{url}\"\n");
        section(&mut report, &format!("url = \"{url}\""), &faults(&text, &[]));
    }
    for text in FILES {
        let whole = if text.contains("database") {
            (*text).to_owned()
        } else {
            format!("{DATABASE}{text}")
        };
        section(&mut report, text, &faults(if text.is_empty() { "" } else { &whole }, &[]));
    }
    assert!(!report.lines().any(|line| !line.starts_with('#') && line.contains("hunter2")));
    insta::assert_snapshot!(report);
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let mut report = String::new();
    for (name, value) in [
        ("WALHOOK_OPS__LISTEN", ":9090"),
        ("WALHOOK_OPS__TOKEM", "hunter2"),
        ("WALHOOK_RETENTION__HELD", "30"),
        ("WALHOOK_DELIVERY__MAX_IN_FLIGHT", "many"),
        ("WALHOOK_DELIVERY__RETRY__JITTER", "2"),
        ("WALHOOK_DELIVERY__RETRY", "{ schedule = 5 }"),
        ("WALHOOK_SECURITY__ALLOW_CIDRS", "10.0.0.1/8"),
        ("WALHOOK_SECURITY__ALLOW_CIDRS", "[\"10.0.0.0/8\""),
        ("WALHOOK_SECURITY__ALLOW_HTTP", "yes"),
        ("WALHOOK_ENDPOINTS__0__URL", "https://hunter2"),
        ("WALHOOK_MODELS__ORDER__TABLE", "public.orders"),
        ("WALHOOK_DATABASE_URL", "postgres://hunter2"),
        ("WALHOOK_CONSOLE__LISTEN", "127.0.0.1:6433"),
        ("WALHOOK_OPS__LISTEN__PORT", "9090"),
        ("WALHOOK____", "hunter2"),
    ] {
        section(&mut report, &format!("{name}={value}"), &faults(DATABASE, &[(name, value)]));
    }
    assert!(!report.lines().any(|line| !line.starts_with('#') && line.contains("hunter2")));
    insta::assert_snapshot!(report);
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    let missing =
        Config::load(Some(Path::new("/nowhere/config.toml")), &environment(&[])).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/config.toml"), "{missing}");
    let (_directory, path) = file_with(b"# caf\xe9\n");
    let binary = Config::load(Some(&path), &environment(&[])).unwrap_err();
    assert!(binary.to_string().contains("not UTF-8 text (line 1)"), "{binary}");
    let endless = Config::load(Some(Path::new("/dev/zero")), &environment(&[])).unwrap_err();
    assert!(endless.to_string().contains("larger than 1 MiB"), "{endless}");
}

#[test]
fn the_report_of_a_hopeless_file_is_bounded() {
    let text =
        format!("{DATABASE}{}", (0..10_000).map(|n| format!("k{n} = 1\n")).collect::<String>());
    let (_directory, path) = file_with(text.as_bytes());
    let faults: Faults = Config::load(Some(&path), &environment(&[])).unwrap_err();
    assert_eq!(faults.iter().count(), 200);
    assert!(faults.to_string().ends_with("and 9800 more"));
}

#[test]
fn faults_are_plain_text_unless_styled() {
    let (_directory, path) = file_with(b"[database]\n");
    let faults = Config::load(Some(&path), &environment(&[])).unwrap_err();
    assert!(!faults.to_string().contains('\u{1b}'));
    assert!(faults.styled().contains('\u{1b}'));
}

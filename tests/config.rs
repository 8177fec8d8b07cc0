//! The configuration as its users meet it: files, variables, and what is said of mistakes.

use std::path::Path;
use std::time::Duration;

use walhook::condition::Condition;
use walhook::config::{Config, Environment, Faults, Int8, LogPayload, OnGap};
use walhook::endpoint::{Auth, Ordering, Profile};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");

/// What the shipped file and the examples below refer to.
fn environment() -> Environment {
    with(&[])
}

fn with(more: &[(&str, &str)]) -> Environment {
    let base =
        [("DATABASE_URL", "postgres://walhook@localhost/shop"), ("CRM_SECRET", "whsec_c2VjcmV0")];
    base.iter().chain(more).map(|(name, value)| (*name, *value)).collect()
}

fn load_under(text: &str, environment: &Environment) -> Result<Config, Faults> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).expect("the file can be written");
    Config::load(Some(&path), environment)
}

const DATABASE: &str = "[database]\nurl = \"${DATABASE_URL}\"\n";
const ENDPOINT: &str = "[[endpoints]]\nname = \"crm\"\nurl = \"https://crm.example.com/hooks\"\n";

/// Loads a minimal configuration with `more` at the end of its one endpoint.
fn endpoint_with(more: &str) -> Result<Config, Faults> {
    load_under(&format!("{DATABASE}{ENDPOINT}{more}"), &environment())
}

fn good(text: &str) -> Config {
    load_under(&format!("{DATABASE}{text}"), &environment())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn minutes(list: &[u64]) -> Vec<Duration> {
    list.iter().map(|minutes| Duration::from_secs(60 * minutes)).collect()
}

#[test]
fn the_shipped_file_is_the_defaults_and_one_endpoint() {
    let shipped = Config::load(Some(Path::new(SHIPPED)), &environment())
        .unwrap_or_else(|faults| panic!("{faults}"));
    let bare = Config::load(
        None,
        &with(&[("WALHOOK_DATABASE__URL", "postgres://walhook@localhost/shop")]),
    )
    .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(shipped.database, bare.database);
    assert_eq!(shipped.models, bare.models);
    assert_eq!(shipped.payload, bare.payload);
    assert_eq!(shipped.delivery, bare.delivery);
    assert_eq!(shipped.security, bare.security);
    assert_eq!(shipped.ops, bare.ops);
    assert_eq!(shipped.retention, bare.retention);
    assert_eq!(format!("{:?}", shipped.inbound), format!("{:?}", bare.inbound));
    assert_eq!(shipped.alerts, bare.alerts);
    assert_eq!((shipped.endpoints.len(), bare.endpoints.len()), (1, 0));

    // What the endpoint did not say is what an endpoint gets without a [delivery] section.
    let minimal = endpoint_with("secrets = [\"${CRM_SECRET}\"]\n")
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(shipped.endpoints, minimal.endpoints);
    assert_eq!(minimal.delivery, bare.delivery);
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = good(ENDPOINT);
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.signature, [Profile::XWebhook, Profile::Standard]);
    assert_eq!(endpoint.retry.schedule, minutes(&[1, 5, 15, 60, 240]));
    assert_eq!(endpoint.timeout, Duration::from_secs(30));
    assert_eq!(endpoint.ordering, Ordering::Key);
    assert_eq!((endpoint.max_in_flight, endpoint.rate_limit_per_second), (32, 0));
    assert_eq!(endpoint.alert_after, [3, 5, 10]);
    assert_eq!(
        (endpoint.disable_after, endpoint.disable_min_duration),
        (10, Duration::from_secs(6 * 3600))
    );
    assert_eq!(endpoint.filter.events, ["*"]);
    assert_eq!(config.delivery.memory_budget, 32 << 20);
    assert_eq!(
        (config.delivery.on_gap, config.delivery.log_payload),
        (OnGap::Continue, LogPayload::Always)
    );
    assert_eq!(config.payload.int8, Int8::String);
    assert_eq!(config.ops.listen, Some("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(config.retention.failed, Duration::from_secs(120 * 24 * 3600));
}

#[test]
fn every_commented_key_of_the_shipped_file_works() {
    let text = std::fs::read_to_string(SHIPPED).expect("config.toml is there");
    let uncommented = |line: &str| line.strip_prefix("# ").map(str::to_owned);
    let environment =
        with(&[("CRM_PASSWORD", "x"), ("CRM_TOKEN", "x"), ("CRM_CLIENT_SECRET", "x")]);

    let model: String = text
        .lines()
        .skip_while(|line| !line.starts_with("# [models"))
        .take_while(|line| line.starts_with('#'))
        .filter_map(uncommented)
        .map(|line| format!("{line}\n"))
        .collect();
    let config = load_under(&format!("{DATABASE}{model}"), &environment)
        .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        (config.models[0].label.as_str(), config.models[0].event_prefix.as_str()),
        ("store.Order", "order")
    );

    let alternatives: Vec<String> = text
        .lines()
        .take_while(|line| !line.starts_with("[inbound]"))
        .filter(|l| l.starts_with("# auth") || l.starts_with("# retry"))
        .filter_map(uncommented)
        .collect();
    assert_eq!(alternatives.len(), 4);
    for line in alternatives {
        let text = format!("{DATABASE}{ENDPOINT}{line}\n");
        load_under(&text, &environment).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    let text = format!("{DATABASE}[delivery]\ntimeout = \"10s\"\nmax_in_flight = 2\n{ENDPOINT}");
    let config = load_under(
        &text,
        &with(&[
            ("WALHOOK_DELIVERY__TIMEOUT", "20s"),
            ("WALHOOK_DELIVERY__RETRY__JITTER", "0.5"),
            ("WALHOOK_DELIVERY__RATE_LIMIT_PER_SECOND", "7"),
            ("WALHOOK_SECURITY__ALLOW_HTTP", "true"),
            ("WALHOOK_SECURITY__ALLOW_CIDRS", "127.0.0.0/8, 10.0.0.0/8"),
            ("WALHOOK_DATABASE__TABLES", "[\"public.orders\", 'public.\"Odd, Name\"']"),
            ("WALHOOK_OPS__TOKEN", "12345"),
        ]),
    )
    .unwrap_or_else(|faults| panic!("{faults}"));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.timeout, Duration::from_secs(20));
    assert_eq!((endpoint.max_in_flight, endpoint.rate_limit_per_second), (2, 7));
    assert_eq!((endpoint.retry.jitter, endpoint.retry.schedule.len()), (0.5, 5));
    assert!(config.security.allow_http);
    assert_eq!(config.security.allow_cidrs.len(), 2);
    assert_eq!(config.database.tables.len(), 2);
    assert_eq!(config.ops.token.expect("a token").expose(), "12345");
}

#[test]
fn variables_of_others_are_left_alone() {
    // What Kubernetes sets in every pod beside a service called `walhook`.
    let environment =
        with(&[("WALHOOK_PORT", "tcp://10.0.0.1:9090"), ("WALHOOK_SERVICE_HOST", "10.0.0.1")]);
    load_under(DATABASE, &environment).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn a_value_of_the_environment_is_taken_as_it_is() {
    let environment =
        Environment::from_iter([("WALHOOK_DATABASE__URL", "postgres://u:${X}$$@h/d")]);
    let config = Config::load(None, &environment).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.database.url.expose(), "postgres://u:${X}$$@h/d");
}

#[test]
fn an_endpoint_takes_from_delivery_what_it_does_not_say() {
    let config = good(&format!(
        "[delivery]\nexclude_fields = [\"password\"]\nheaders = {{ \"X-Env\" = \"prod\" }}\n\
         retry = {{ schedule = [\"1s\"], jitter = 0.3 }}\n{ENDPOINT}retry.max_retries = 2\n"
    ));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.filter.exclude_fields, [("*".to_owned(), vec!["password".to_owned()])]);
    assert_eq!(endpoint.headers[0].0, "X-Env");
    assert_eq!((endpoint.retry.schedule.clone(), endpoint.retry.jitter), (minutes(&[1, 2]), 0.3));
}

#[test]
fn delivery_may_grow_its_schedule_though_the_default_spells_one_out() {
    let config =
        good(&format!("[delivery]\nretry = {{ max_retries = 3, max_delay = \"3m\" }}\n{ENDPOINT}"));
    assert_eq!(config.endpoints[0].retry.schedule, minutes(&[1, 2, 3]));
}

#[test]
fn user_info_becomes_basic_auth_and_leaves_the_url() {
    let config = good(&ENDPOINT.replace("https://", "https://al%40ice:p%2Fw@"));
    let endpoint = &config.endpoints[0];
    assert_eq!(endpoint.url.as_str(), "https://crm.example.com/hooks");
    let Some(Auth::Basic { username, password }) = &endpoint.auth else { panic!("no basic auth") };
    assert_eq!((username.as_str(), password.expose()), ("al@ice", "p/w"));
}

#[test]
fn secrets_come_from_files_beside_the_configuration() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("crm.secret"), "from a file\n")
        .expect("the file can be written");
    let path = directory.path().join("config.toml");
    std::fs::write(
        &path,
        format!("{DATABASE}{ENDPOINT}secrets = [\"file:crm.secret\", \"${{CRM_SECRET}}\"]\n"),
    )
    .expect("the file can be written");
    let config =
        Config::load(Some(&path), &environment()).unwrap_or_else(|faults| panic!("{faults}"));
    let secrets: Vec<&str> =
        config.endpoints[0].secrets.iter().map(|secret| secret.expose()).collect();
    assert_eq!(secrets, ["from a file", "whsec_c2VjcmV0"]);
}

#[test]
fn fields_are_given_as_a_list_or_by_label() {
    let config = endpoint_with(
        "include_fields = [\"id\", \"status\"]\n\
         exclude_fields = { \"*\" = [\"token\"], \"store.Customer\" = [\"ssn\"] }\n\
         redact_fields = { \"store.Customer\" = { email = \"***\", \"profile.phone\" = \"\" } }\n",
    )
    .unwrap_or_else(|faults| panic!("{faults}"));
    let list = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
    let filter = &config.endpoints[0].filter;
    assert_eq!(filter.include_fields, [("*".to_owned(), list(&["id", "status"]))]);
    assert_eq!(
        filter.exclude_fields,
        [("*".to_owned(), list(&["token"])), ("store.Customer".to_owned(), list(&["ssn"]))]
    );
    let masks =
        vec![("email".to_owned(), "***".to_owned()), ("profile.phone".to_owned(), String::new())];
    assert_eq!(filter.redact_fields, [("store.Customer".to_owned(), masks)]);
}

#[test]
fn origins_are_names_of_sources_or_a_star_and_an_endpoint_replaces_those_of_delivery() {
    let config = good(&format!(
        "[delivery]\nexclude_origins = [\"stripe\", \"*\"]\n{ENDPOINT}{}exclude_origins = []\n",
        ENDPOINT.replace("crm", "erp")
    ));
    let origins = |index: usize| &config.endpoints[index].filter.exclude_origins;
    assert_eq!(origins(0), &["stripe", "*"]);
    assert!(origins(1).is_empty());
    assert!(good(ENDPOINT).endpoints[0].filter.exclude_origins.is_empty());
}

#[test]
fn tables_are_named_as_in_sql() {
    let config = good("[models.\"store.OrderItem\"]\ntable = 'public.\"Order Items\"'\n");
    let model = &config.models[0];
    assert_eq!((model.table.schema.as_str(), model.table.name.as_str()), ("public", "Order Items"));
    assert_eq!(
        (model.app(), model.name(), model.event_prefix.as_str()),
        ("store", "OrderItem", "order_item")
    );
}

#[test]
fn models_and_endpoints_keep_the_order_of_the_file() {
    let model = |name: &str| {
        format!("[models.\"store.{name}\"]\ntable = \"public.{}\"\n", name.to_lowercase())
    };
    let config = good(&format!("{}{}{}", model("Zebra"), model("Apple"), model("Mango")));
    let labels: Vec<&str> = config.models.iter().map(|model| model.label.as_str()).collect();
    assert_eq!(labels, ["store.Zebra", "store.Apple", "store.Mango"]);
}

#[test]
fn conditions_and_event_types_are_read_and_an_endpoint_may_lift_the_default() {
    let config = good(&format!(
        "[models.\"store.Item\"]\ntable = \"public.items\"\ncondition = \"new.a = 1\"\n\
         [[event_types]]\nname = \"item.sold\"\nmodel = \"store.Item\"\non = [\"updated\", \"updated\"]\n\
         condition = \"new.sold\"\n[delivery]\ncondition = \"new.b = 2\"\n\
         {ENDPOINT}[[endpoints]]\nname = \"all\"\nurl = \"https://all.example.com\"\ncondition = \"\"\n"
    ));
    let text = |condition: &Option<Condition>| condition.as_ref().map(|c| c.text().to_owned());
    assert_eq!(text(&config.models[0].condition).as_deref(), Some("new.a = 1"));
    let derived = &config.event_types[0];
    assert_eq!((derived.name.as_str(), derived.model.as_str()), ("item.sold", "store.Item"));
    assert_eq!((text(&derived.condition).as_deref(), derived.on.len()), (Some("new.sold"), 1));
    let of_endpoints: Vec<_> = config.endpoints.iter().map(|e| text(&e.condition)).collect();
    assert_eq!(of_endpoints, [Some("new.b = 2".to_owned()), None]);
}

#[test]
fn keys_of_later_versions_may_stand_with_values_that_change_nothing() {
    good(&format!(
        "capture = \"wal\"\n[inbound]\nlisten = \"\"\n[alerts]\nurl = \"\"\n[delivery]\nfailure_callback = \"\"\n\
         {ENDPOINT}application = \"default\"\ncondition = \"\"\n"
    ));
}

#[test]
fn secrets_in_the_file_are_warned_of() {
    let text = "[database]\nurl = \"postgres://walhook:hunter2@localhost/shop\"\n";
    let text = format!(
        "{text}{}secrets = [\"hunter2\", \"${{CRM_SECRET}}\"]\n",
        ENDPOINT.replace("crm.", "u:hunter2@crm.")
    );
    let config = load_under(&text, &environment()).unwrap_or_else(|faults| panic!("{faults}"));
    let literal: Vec<&str> = config
        .warnings
        .iter()
        .filter(|warning| warning.problem.contains("literally"))
        .map(|warning| warning.key.as_str())
        .collect();
    assert_eq!(literal, ["database.url", "endpoints[0].url", "endpoints[0].secrets[0]"]);
    assert!(config.warnings.iter().all(|warning| !warning.to_string().contains("hunter2")));
}

#[test]
fn a_file_that_everyone_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, DATABASE).expect("the file can be written");
    for (mode, warnings) in [(0o644, 1), (0o640, 0)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        let config =
            Config::load(Some(&path), &environment()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.warnings.len(), warnings, "{mode:o}");
    }
}

#[test]
fn a_fault_found_later_is_shown_where_its_key_stands() {
    let config = endpoint_with("redact_fields = { \"store.Customer\" = { email = \"***\" } }\n")
        .unwrap_or_else(|faults| panic!("{faults}"));
    let key = "endpoints[0].redact_fields.\"store.Customer\".email";
    let text = config.places.fault_at(key, "no such column", "name a column").to_string();
    assert!(text.contains("config.toml:6:40") && text.contains(key), "{text}");
    let text = config.places.fault_at("endpoints[0].nothing.here", "x", "y").to_string();
    assert!(text.contains("config.toml:3:"), "{text}");
}

#[test]
fn a_label_that_no_captured_table_has_is_warned_of() {
    let config = good(&format!(
        "tables = [\"billing.*\", \"public.log\"]\n[models.\"store.Customer\"]\ntable = \"public.customers\"\n\
         {ENDPOINT}include_models = [\"store.*\", \"billing.invoice\", \"public.log\", \"public.customers\"]\n\
         redact_fields = {{ \"store.Custmer\" = {{ email = \"***\" }}, \"store.Customer\" = {{ email = \"***\" }} }}\n"
    ));
    let warned: Vec<(&str, &str)> = config
        .warnings
        .iter()
        .filter(|warning| warning.problem.contains("label"))
        .map(|warning| (warning.key.as_str(), warning.fix.as_str()))
        .collect();
    assert_eq!(
        warned,
        [
            (
                "endpoints[0].include_models[3]",
                "declare the model, or name its table in [database] tables"
            ),
            ("endpoints[0].redact_fields.\"store.Custmer\"", "did you mean \"store.Customer\"?"),
        ]
    );
}

#[test]
fn an_origin_that_no_source_has_is_mentioned() {
    let config = good(
        "[[endpoints]]\nname = \"crm\"\nurl = \"https://crm.example.com\"\n\
         exclude_origins = [\"stripe\", \"strype\", \"*\"]\n\
         [inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"whsec_x\"]\n",
    );
    let said: Vec<_> = config
        .warnings
        .iter()
        .filter(|warning| warning.key.contains("exclude_origins"))
        .map(|warning| (warning.key.as_str(), warning.fix.as_str()))
        .collect();
    assert_eq!(said, [("endpoints[0].exclude_origins[1]", "did you mean \"stripe\"?")]);
}

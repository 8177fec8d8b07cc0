use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Dsn, DsnError> {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    Dsn::parse_in(text, &|name| environment.get(name).map(|value| (*value).to_owned()))
}

fn parse(text: &str) -> Dsn {
    parse_with(text, &[]).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refusal(text: &str) -> String {
    parse_with(text, &[("USER", "ann")]).expect_err(text).to_string()
}

fn tcp(name: &str, port: u16) -> Host {
    Host { target: Target::Tcp { name: name.to_owned(), address: None }, port, password: None }
}

#[test]
fn a_url_and_pairs_say_the_same() {
    let url = parse("postgres://ann:p%20w@db:5433/shop?sslmode=require&application_name=x");
    let pairs = parse(
        "host=db port=5433 user=ann password='p w' dbname=shop sslmode=require application_name=x",
    );
    assert_eq!(url, pairs);
    assert_eq!(url.hosts[0].password.as_ref().unwrap().expose(), "p w");
}

#[test]
fn defaults_are_those_of_libpq() {
    let dsn = parse("host=db user=ann");
    assert_eq!(dsn.hosts, [tcp("db", 5432)]);
    assert_eq!(dsn.dbname, "ann");
    assert_eq!(dsn.sslmode, SslMode::Prefer);
    assert_eq!(dsn.channel_binding, ChannelBinding::Prefer);
    assert_eq!(dsn.application_name, "walhook");
    assert_eq!(dsn.connect_timeout, Duration::from_secs(30));
    assert!(dsn.keepalives.is_some());
    assert_eq!(parse_with("host=db", &[("USER", "bob")]).unwrap().user, "bob");
}

#[test]
fn the_environment_fills_what_the_string_leaves_out() {
    let environment = [
        ("PGHOST", "db"),
        ("PGPORT", "5433"),
        ("PGUSER", "ann"),
        ("PGPASSWORD", "hunter2"),
        ("PGDATABASE", "shop"),
        ("PGSSLMODE", "require"),
        ("PGCONNECT_TIMEOUT", "7"),
        ("PGCHANNELBINDING", "require"),
        ("PGAPPNAME", "app"),
        ("PGOPTIONS", "-c search_path=x"),
        ("PGTARGETSESSIONATTRS", "primary"),
    ];
    let dsn = parse_with("dbname=other", &environment).unwrap();
    let host = Host { password: Some(Secret::new("hunter2")), ..tcp("db", 5433) };
    assert_eq!(dsn.hosts, [host]);
    assert_eq!((dsn.user.as_str(), dsn.dbname.as_str()), ("ann", "other"));
    assert_eq!(dsn.sslmode, SslMode::Require);
    assert_eq!(dsn.connect_timeout, Duration::from_secs(7));
    assert_eq!(dsn.channel_binding, ChannelBinding::Require);
    assert_eq!(dsn.application_name, "app");
    assert_eq!(dsn.options.as_deref(), Some("-c search_path=x"));
    assert_eq!(dsn.target_session, TargetSession::Primary);
}

#[test]
fn several_hosts_take_one_port_or_one_each() {
    assert_eq!(parse("postgres://u@a,b:2/d").hosts, [tcp("a", 5432), tcp("b", 2)]);
    assert_eq!(parse("host=a,b port=7 user=u").hosts, [tcp("a", 7), tcp("b", 7)]);
    assert!(refusal("host=a,b port=1,2,3").contains("port lists 3 items for 2 hosts"));
}

#[test]
fn addresses_and_sockets_are_told_apart_from_names() {
    let hosts = parse("postgres://u@[::1]:5433/d").hosts;
    assert_eq!(hosts[0].address(), Some("::1".parse().unwrap()));
    let socket = &parse("postgres://u@%2Ftmp%2Fx/d").hosts[0];
    assert_eq!(socket.target, Target::Socket("/tmp/x".into()));
    assert_eq!(socket.address(), None);
    let both = &parse("host=db hostaddr=10.0.0.1 user=u").hosts[0];
    assert_eq!(both.address(), Some("10.0.0.1".parse().unwrap()));
    assert!(matches!(&both.target, Target::Tcp { name, .. } if name == "db"));
    assert!(refusal("hostaddr=db").contains("hostaddr"));
}

#[test]
fn unknown_keywords_are_named_with_the_nearest_known_one() {
    let text = refusal("host=db sslmod=require");
    assert!(text.contains("unknown keyword sslmod") && text.contains("sslmode"), "{text}");
}

#[test]
fn what_is_not_supported_is_refused_and_says_what_instead() {
    for text in [
        "gssencmode=require",
        "sslcrl=/x",
        "target_session_attrs=standby",
        "service=x",
        "require_auth=md5",
        "sslnegotiation=direct",
        "client_encoding=latin1",
        "host=@abstract",
        "sslmode=sometimes",
        "sslmode=require sslrootcert=system",
        "sslmode=verify-full",
        "port=0",
        "port=70000",
        "connect_timeout=soon",
    ] {
        let refused = refusal(text);
        let keyword = text.split(['=', ' ']).next().unwrap();
        assert!(refused.contains(keyword), "{text}: {refused}");
    }
    parse(
        "host=db user=u gssencmode=prefer client_encoding=UTF8 sslnegotiation=postgres sslcrl=''",
    );
}

#[test]
fn no_error_and_no_debug_text_shows_the_password() {
    for text in [
        "password=hunter2 port=x",
        "password=hunter2 sslmode=x",
        "password=a hunter2=b hunter2",
        "postgres://u:hunter2/x@db",
        "postgres://u:1?hunter2@db",
        "password='hunter2",
    ] {
        assert!(!refusal(text).contains("hunter2"), "{text}");
    }
    let dsn = parse("postgres://ann:hunter2@db/shop");
    assert!(!format!("{dsn:?}").contains("hunter2"));
    assert_eq!(dsn.redacted(), "postgres://ann@db:5432/shop");
    assert_eq!(
        parse("postgres://u@[::1],%2Ftmp/d").redacted(),
        "postgres://u@[::1]:5432,[/tmp]:5432/d"
    );
}

#[test]
fn require_with_root_certificates_checks_the_chain() {
    let mode = |text: &str| parse(&format!("host=db user=u {text}")).sslmode;
    assert_eq!(mode("sslmode=require"), SslMode::Require);
    assert_eq!(mode("sslmode=require sslrootcert=/ca.pem"), SslMode::VerifyCa);
    assert_eq!(mode("sslrootcert=system"), SslMode::VerifyFull);
    assert_eq!(mode("sslrootcert=/ca.pem"), SslMode::Prefer);
}

#[test]
fn files_in_the_home_directory_are_found() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("HOME", home.path().to_str().unwrap()), ("USER", "ann")];
    let directory = home.path().join(".postgresql");
    fs::create_dir(&directory).unwrap();
    for name in ["root.crt", "postgresql.crt", "postgresql.key"] {
        fs::write(directory.join(name), "").unwrap();
    }
    let pgpass = home.path().join(".pgpass");
    fs::write(&pgpass, "localhost:5432:shop:ann:local\ndb:5432:shop:ann:there\n").unwrap();
    fs::set_permissions(&pgpass, fs::Permissions::from_mode(0o600)).unwrap();
    let dsn = parse_with("host=/tmp,db dbname=shop sslmode=verify-full", &environment).unwrap();
    assert_eq!(dsn.sslrootcert, RootCert::File(directory.join("root.crt")));
    assert_eq!(dsn.sslcert, Some(directory.join("postgresql.crt")));
    assert_eq!(dsn.sslkey, Some(directory.join("postgresql.key")));
    let passwords: Vec<_> =
        dsn.hosts.iter().map(|host| host.password.as_ref().map(Secret::expose)).collect();
    assert_eq!(passwords, [Some("local"), Some("there")]);
}

#[test]
fn a_password_in_the_string_beats_the_password_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pass");
    fs::write(&path, "*:*:*:*:file\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let text = format!("host=db user=u passfile={}", path.display());
    let ignored = parse(&text);
    assert_eq!(ignored.hosts[0].password, None);
    assert!(ignored.passfile_fault.is_some());
    let given = parse(&format!("{text} password=given"));
    assert_eq!(given.hosts[0].password.as_ref().unwrap().expose(), "given");
    assert_eq!(given.passfile_fault, None);
}

#[test]
fn the_sql_driver_is_told_the_same() {
    let dsn = parse("postgres://ann:pw@db:5433,%2Ftmp/shop?sslmode=verify-full&sslrootcert=/ca");
    let config = dsn.to_tokio_postgres();
    assert_eq!(config.get_user(), Some("ann"));
    assert_eq!(config.get_password(), Some(&b"pw"[..]));
    assert_eq!(config.get_dbname(), Some("shop"));
    assert_eq!(config.get_ports(), [5433, 5432]);
    assert_eq!(config.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
    assert_eq!(config.get_hosts().len(), 2);
}

#[test]
fn tls_is_not_set_up_where_it_is_not_used() {
    assert!(parse("host=db user=u sslmode=disable").tls().unwrap().is_none());
    assert!(parse("host=/tmp user=u sslmode=require").tls().unwrap().is_none());
    assert!(parse("host=db user=u").tls().unwrap().is_some());
}

#[test]
fn files_that_tls_cannot_use_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.pem");
    fs::write(&path, "nothing here").unwrap();
    for keyword in ["sslrootcert", "sslcert"] {
        for path in [&path, &directory.path().join("missing.pem")] {
            let text = format!("host=db user=u sslkey=/x {keyword}={}", path.display());
            let error = parse(&text).tls().unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    fs::write(&path, cert.pem()).unwrap();
    let key_path = directory.path().join("key.pem");
    fs::write(&key_path, key.serialize_pem()).unwrap();
    let dsn =
        parse(&format!("host=db user=u sslcert={} sslkey={}", path.display(), key_path.display()));
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(dsn.tls().unwrap_err().to_string().contains("chmod 0600"));
    fs::set_permissions(&key_path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(dsn.tls().unwrap().is_some());
}

//! How the replication session and the SQL driver get past TLS and authentication: a real
//! server with its own CA, and roles that log in in every way.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use support::pg::{Connected, Pg};
use tokio_postgres_rustls::MakeRustlsConnect;
use walhook::config::dsn::Dsn;
use walhook::replication::{ReplicationError, Session};

/// The first line that fits decides.
const HBA: &str = "
local all all trust
host all postgres 127.0.0.1/32 trust
host all scram 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
hostssl all tls_only 127.0.0.1/32 trust
hostnossl all plain_only 127.0.0.1/32 trust
hostssl all cert 127.0.0.1/32 cert
";

struct Secure {
    pg: Pg,
    port: u16,
    /// `ca.pem`, `other.pem`, `cert.pem`, `cert.key`, `self.pem`.
    files: PathBuf,
}

impl Secure {
    /// One server with TLS for all tests of this file.
    async fn get() -> &'static Self {
        static SECURE: OnceLock<Secure> = OnceLock::new();
        let secure =
            SECURE.get_or_init(|| Self::start("localhost", &rcgen::PKCS_ECDSA_P256_SHA256));
        static ROLES: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
        ROLES.get_or_init(|| secure.make_roles()).await;
        secure
    }

    fn start(name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let pg = Pg::start();
        let data = pg.cluster().data_dir();
        let files = pg.cluster().socket_dir().to_owned();
        let ca = Authority::new("walhook test CA", algorithm);
        let (cert, key) = ca.issue(name, Some(name));
        place(&data, "server.crt", &cert);
        place(&data, "server.key", &key);
        place(&data, "root.crt", &ca.certificate);
        place(&data, "pg_hba.conf", HBA);
        place(&files, "ca.pem", &ca.certificate);
        place(&files, "other.pem", &Authority::new("another CA", algorithm).certificate);
        let (cert, key) = ca.issue("cert", None);
        place(&files, "cert.pem", &cert);
        place(&files, "cert.key", &key);
        fs::write(data.join("postgresql.auto.conf"), "ssl = on\nssl_ca_file = 'root.crt'\n")
            .unwrap();
        pg.cluster().restart().unwrap();
        let port = pg.cluster().port();
        Self { pg, port, files }
    }

    async fn make_roles(&self) {
        let admin = Connected::open(&self.pg.url("postgres")).await;
        admin
            .client
            .batch_execute(
                "create role scram login replication password 'p@ss';
                 create role clear login replication password 'p@ss';
                 set password_encryption = 'md5';
                 create role md5 login replication password 'p@ss';
                 create role tls_only login replication;
                 create role plain_only login replication;
                 create role cert login replication",
            )
            .await
            .unwrap();
    }

    fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }

    fn dsn(&self, user: &str, more: &str) -> Dsn {
        let host = "host=localhost hostaddr=127.0.0.1 dbname=postgres";
        let text = format!("{host} port={} user={user} {more}", self.port);
        Dsn::parse_in(&text, &|_| None).unwrap()
    }

    async fn connect(&self, user: &str, more: &str) -> Result<Session, ReplicationError> {
        Session::connect(&self.dsn(user, more)).await
    }

    /// Whether the newest session of this name is encrypted; asked while it is open.
    async fn is_encrypted(&self, application: &str) -> bool {
        let admin = Connected::open(&self.pg.url("postgres")).await;
        let query = "select ssl from pg_stat_ssl join pg_stat_activity using (pid)
            where application_name = $1 order by backend_start desc limit 1";
        admin.client.query_one(query, &[&application]).await.unwrap().get(0)
    }
}

struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    /// A certificate, signed with the authority's algorithm, and its key.
    fn issue(&self, common_name: &str, alternative: Option<&str>) -> (String, String) {
        let names: Vec<String> = alternative.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Writes a file that belongs to the directory's owner and to nobody else.
fn place(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(directory).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

#[tokio::test]
async fn every_method_of_authentication_works_with_and_without_tls() {
    let secure = Secure::get().await;
    for user in ["scram", "md5", "clear"] {
        for sslmode in ["disable", "require"] {
            let application = format!("{user}_{sslmode}");
            let more = format!("password=p@ss sslmode={sslmode} application_name={application}");
            let mut session = secure.connect(user, &more).await.unwrap();
            session.identify_system().await.unwrap();
            assert_eq!(secure.is_encrypted(&application).await, sslmode == "require", "{more}");
        }
    }
}

#[tokio::test]
async fn a_wrong_and_a_missing_password_are_refused_and_not_shown() {
    let secure = Secure::get().await;
    for user in ["scram", "md5", "clear"] {
        for password in ["", "password=hunter2"] {
            let error = secure.connect(user, password).await.unwrap_err();
            assert!(matches!(error, ReplicationError::Authentication { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}

#[tokio::test]
async fn the_password_file_is_asked_for_what_the_string_leaves_out() {
    let secure = Secure::get().await;
    let line = format!("localhost:{}:postgres:scram:p@ss\n", secure.port);
    let directory = tempfile::tempdir().unwrap();
    place(directory.path(), "pass", &line);
    let path = directory.path().join("pass");
    let more = format!("passfile={}", path.display());
    secure.connect("scram", &more).await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = secure.connect("scram", &more).await.unwrap_err().to_string();
    assert!(refused.contains("chmod 0600"), "{refused}");
}

#[tokio::test]
async fn channel_binding_is_done_where_required_and_refused_where_impossible() {
    let secure = Secure::get().await;
    let require = "password=p@ss channel_binding=require";
    secure.connect("scram", &format!("{require} sslmode=require")).await.unwrap();
    for channel_binding in ["disable", "prefer"] {
        let more = format!("password=p@ss sslmode=require channel_binding={channel_binding}");
        secure.connect("scram", &more).await.unwrap();
    }
    for (user, sslmode) in
        [("scram", "disable"), ("md5", "require"), ("clear", "require"), ("tls_only", "require")]
    {
        let refused = secure.connect(user, &format!("{require} sslmode={sslmode}")).await;
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ReplicationError::Authentication { .. }), "{user}: {refused}");
        assert!(refused.to_string().contains("channel binding"), "{user}: {refused}");
    }
}

#[tokio::test]
async fn verification_takes_the_right_ca_and_the_right_name_only() {
    let secure = Secure::get().await;
    let (ca, other) = (secure.file("ca.pem"), secure.file("other.pem"));
    let trusted = |sslmode: &str, roots: &str| format!("sslmode={sslmode} sslrootcert={roots}");
    for sslmode in ["require", "verify-ca", "verify-full"] {
        secure.connect("tls_only", &trusted(sslmode, &ca)).await.unwrap();
        let refused = secure.connect("tls_only", &trusted(sslmode, &other)).await.unwrap_err();
        assert!(matches!(refused, ReplicationError::Tls { .. }), "{sslmode}: {refused:?}");
    }
    // By its address the server is not the one that the certificate names.
    let by_address = |sslmode: &str| {
        let text = format!(
            "host=127.0.0.1 port={} dbname=postgres user=tls_only {}",
            secure.port,
            trusted(sslmode, &ca)
        );
        Dsn::parse_in(&text, &|_| None).unwrap()
    };
    Session::connect(&by_address("verify-ca")).await.unwrap();
    let refused = Session::connect(&by_address("verify-full")).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::Tls { .. }), "{refused:?}");
}

#[tokio::test]
async fn prefer_and_allow_find_the_way_that_the_server_accepts() {
    let secure = Secure::get().await;
    for (user, sslmode, encrypted) in [
        ("tls_only", "prefer", true),
        ("tls_only", "allow", true),
        ("plain_only", "prefer", false),
        ("plain_only", "allow", false),
        ("scram", "prefer", true),
        ("scram", "allow", false),
    ] {
        let application = format!("{user}_{sslmode}_way");
        let more = format!("password=p@ss sslmode={sslmode} application_name={application}");
        let _session = secure.connect(user, &more).await.unwrap();
        assert_eq!(secure.is_encrypted(&application).await, encrypted, "{application}");
    }
    for (user, sslmode) in [("tls_only", "disable"), ("plain_only", "require")] {
        let refused = secure.connect(user, &format!("sslmode={sslmode}")).await.unwrap_err();
        assert!(matches!(refused, ReplicationError::Authentication { .. }), "{refused}");
    }
}

#[tokio::test]
async fn tls_that_the_server_does_not_have_is_missed_only_where_it_is_required() {
    let port = Pg::shared().cluster().port();
    let dsn = |sslmode: &str| {
        let text = format!("host=127.0.0.1 port={port} user=postgres sslmode={sslmode}");
        Dsn::parse_in(&text, &|_| None).unwrap()
    };
    Session::connect(&dsn("prefer")).await.unwrap();
    let refused = Session::connect(&dsn("require")).await.unwrap_err();
    assert!(matches!(refused, ReplicationError::NoTls { .. }), "{refused}");
}

#[tokio::test]
async fn a_client_certificate_logs_in() {
    let secure = Secure::get().await;
    let (cert, key) = (secure.file("cert.pem"), secure.file("cert.key"));
    let more = format!("sslmode=require sslcert={cert} sslkey={key}");
    secure.connect("cert", &more).await.unwrap();
    assert!(secure.connect("cert", "sslmode=require").await.is_err());
}

#[tokio::test]
async fn one_self_signed_certificate_may_be_server_and_root() {
    for (algorithm, common_name, sslmode) in [
        (&rcgen::PKCS_ECDSA_P384_SHA384, "localhost", "verify-full"),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "elsewhere", "verify-ca"),
    ] {
        let secure = Secure::start("unused", algorithm);
        secure.make_roles().await;
        // As PostgreSQL's own instructions make it: a CA, with nothing but a common name.
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let data = secure.pg.cluster().data_dir();
        place(&data, "server.crt", &certificate);
        place(&data, "server.key", &key.serialize_pem());
        place(&secure.files, "self.pem", &certificate);
        secure.pg.cluster().restart().unwrap();
        let roots = format!("sslrootcert={} password=p@ss", secure.file("self.pem"));
        let more = format!("sslmode={sslmode} channel_binding=require {roots}");
        secure.connect("scram", &more).await.unwrap();
        let full = secure.connect("scram", &format!("sslmode=verify-full {roots}")).await;
        assert_eq!(full.is_ok(), common_name == "localhost");
    }
}

#[tokio::test]
async fn a_certificate_without_a_hash_still_encrypts_but_does_not_bind() {
    let secure = Secure::start("localhost", &rcgen::PKCS_ED25519);
    secure.make_roles().await;
    let more = format!("password=p@ss sslmode=verify-full sslrootcert={}", secure.file("ca.pem"));
    secure.connect("scram", &more).await.unwrap();
    let refused = secure.connect("scram", &format!("{more} channel_binding=require")).await;
    assert!(refused.unwrap_err().to_string().contains("channel binding"));
}

#[tokio::test]
async fn the_sql_driver_gets_in_by_the_same_string() {
    let secure = Secure::get().await;
    let ca = secure.file("ca.pem");
    for more in [
        "password=p@ss sslmode=disable".to_owned(),
        "password=p@ss sslmode=require channel_binding=require".to_owned(),
        format!("password=p@ss sslmode=verify-full sslrootcert={ca}"),
    ] {
        let dsn = secure.dsn("scram", &more);
        let config = dsn.to_tokio_postgres();
        let application = match dsn.tls().unwrap() {
            Some(tls) => query(config.connect(MakeRustlsConnect::new(tls)).await.unwrap()).await,
            None => query(config.connect(tokio_postgres::NoTls).await.unwrap()).await,
        };
        assert_eq!(application, "walhook");
    }
    let dsn = secure
        .dsn("scram", &format!("sslmode=verify-full sslrootcert={}", secure.file("other.pem")));
    let tls = MakeRustlsConnect::new(dsn.tls().unwrap().unwrap());
    assert!(dsn.to_tokio_postgres().connect(tls).await.is_err());
}

async fn query<S>((client, connection): (tokio_postgres::Client, S)) -> String
where
    S: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    let task = tokio::spawn(connection);
    let row = client.query_one("select current_setting('application_name')", &[]).await.unwrap();
    drop(client);
    task.await.unwrap().unwrap();
    row.get(0)
}

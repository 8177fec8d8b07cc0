//! The providers' own libraries sign, walhook accepts. Needs Node with npm and a registry.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::daemon::Site;
use support::pg::Pg;
use support::poster::Poster;
use tokio::process::Command;

const STRIPE: &str = "whsec_7bZ0dGVzdHN0cmlwZXNlY3JldA";
const GITHUB: &str = "It's a Secret to Everybody";
const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const CONFIG: &str = "[inbound]\nlisten = \"127.0.0.1:0\"\n\
    [inbound.sources.stripe]\npreset = \"stripe\"\nsecrets = [\"${STRIPE_SECRET}\"]\n\
    [inbound.sources.github]\npreset = \"github\"\nsecrets = [\"${GITHUB_SECRET}\"]\n\
    [inbound.sources.standard]\npreset = \"standard-webhooks\"\nsecrets = [\"${STANDARD_SECRET}\"]\n";

/// The libraries, installed once for each set of versions.
async fn libraries() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdks");
    let package = include_str!("sdks/package.json");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("sign.mjs"), include_str!("sdks/sign.mjs")).unwrap();
    let installed = home.join("installed.json");
    if std::fs::read_to_string(&installed).is_ok_and(|versions| versions == package) {
        return home;
    }
    std::fs::write(home.join("package.json"), package).unwrap();
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(&home);
    let output = npm.output().await.expect("npm is installed (apt-get install npm)");
    assert!(output.status.success(), "npm install: {output:?}");
    std::fs::write(installed, package).unwrap();
    home
}

async fn signed() -> Vec<Value> {
    let mut node = Command::new("node");
    node.arg("sign.mjs").current_dir(libraries().await);
    node.env("STRIPE_SECRET", STRIPE).env("GITHUB_SECRET", GITHUB);
    let output = node.env("STANDARD_SECRET", STANDARD).output().await.expect("Node is installed");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn what_the_providers_libraries_sign_is_accepted_and_a_changed_byte_is_not() {
    let database = Pg::shared().database().await;
    let site = Site::new(&database, &[], CONFIG)
        .with_variable("STRIPE_SECRET", STRIPE)
        .with_variable("GITHUB_SECRET", GITHUB)
        .with_variable("STANDARD_SECRET", STANDARD);
    let daemon = site.up().await;
    let poster = Poster::of(&daemon).await;
    let requests = signed().await;
    assert_eq!(requests.len(), 4);
    for request in &requests {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let path = format!("/webhooks/{}", text(&request["source"]));
        let headers: Vec<(String, String)> = request["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = text(&request["body"]);
        let changed = body.replacen('€', "$", 1);
        let refused = poster.post(&path, &headers, changed.as_bytes()).await;
        assert_eq!(refused.status, 403, "{request}: {refused:?}");
        let accepted = poster.post(&path, &headers, body.as_bytes()).await;
        assert_eq!(accepted.status, 200, "{request}: {accepted:?}");
        let event = text(&request["event"]);
        let sql = "select convert_from(raw, 'UTF8') from walhook.inbound_event where event_id = $1";
        let stored: String = database.query_one(sql, &[&event]).await;
        assert_eq!(stored, body);
    }
    daemon.stop().await;
}

use super::*;
use crate::config::Environment;

const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

/// What an operator must say besides the preset.
fn settings(preset: &str) -> String {
    let rest = match preset {
        "sendgrid" | "sendgrid-parse" => format!("secrets = [\"{SPKI}\"]"),
        "standard-webhooks" | "gitlab" => {
            "secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]".to_owned()
        }
        "discord" | "adyen" => format!("secrets = [\"{}\"]", "0f".repeat(32)),
        "bamboohr-basic" | "postmark" => "secrets = [\"user:password\"]".to_owned(),
        "paypal" => "webhook_id = \"1JE4291016473214C\"".to_owned(),
        "aws-sns" => "topic_arn = \"arn:aws:sns:us-west-2:123456789012:MyTopic\"".to_owned(),
        "twilio" | "square" | "hubspot" => {
            "secrets = [\"x\"]\npublic_url = \"https://hooks.example.com/webhooks/x\"".to_owned()
        }
        _ => "secrets = [\"x\"]".to_owned(),
    };
    format!("preset = \"{preset}\"\n{rest}\n")
}

fn source(settings: &str) -> Source {
    Source::from_toml("x", settings, &Environment::default())
        .unwrap_or_else(|faults| panic!("{settings}\n{faults}"))
}

#[test]
fn every_preset_loads_with_what_an_operator_adds() {
    assert_eq!(preset::ALL.len(), 34);
    for (name, _) in preset::ALL.iter() {
        let source = source(&settings(name));
        if let Proof::Signed(schemes) = &source.proof {
            assert!(schemes.iter().all(|scheme| !scheme.keys.is_empty()), "{name}");
        }
    }
    assert_eq!(
        source(&settings("standard-webhooks").replace("standard-webhooks", "svix"))
            .preset
            .as_deref(),
        Some("svix")
    );
}

//! An endpoint of the file as its row in `walhook.endpoint` shows it: every setting, no secret.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::endpoint::{Auth, Endpoint, Ordering, Profile};

/// What stands for a secret.
const HIDDEN: &str = "***";

/// The row as a JSON object of its columns. `url` is fit for eyes.
pub(super) fn described(endpoint: &Endpoint, url: &str) -> Value {
    let filter = &endpoint.filter;
    let profiles: Vec<&str> = endpoint.signature.iter().map(|p| profile(*p)).collect();
    let headers: Map<String, Value> =
        endpoint.headers.iter().map(|(name, _)| (name.clone(), HIDDEN.into())).collect();
    let masks = filter.redact_fields.iter().map(|(label, fields)| {
        let fields: Map<String, Value> =
            fields.iter().map(|(field, mask)| (field.clone(), mask.as_str().into())).collect();
        (label.clone(), Value::Object(fields))
    });
    json!({
        "id": endpoint.id.0.to_string(),
        "name": endpoint.name,
        "application": endpoint.application,
        "url": url,
        "method": endpoint.method.as_str(),
        "signature": profiles,
        "signed": !endpoint.secrets.is_empty(),
        "enabled": endpoint.enabled,
        "events": filter.events,
        "include_models": filter.include_models,
        "exclude_models": filter.exclude_models,
        "include_fields": lists(&filter.include_fields),
        "exclude_fields": lists(&filter.exclude_fields),
        "redact_fields": Value::Object(masks.collect()),
        "exclude_origins": filter.exclude_origins,
        "condition": endpoint.condition.as_ref().map(|condition| condition.text()),
        "transform": endpoint.transform.as_ref().map(|template| template.source()),
        "headers": headers,
        "auth": endpoint.auth.as_ref().map(auth),
        "tls": {
            "ca_file": endpoint.tls.ca_file,
            "cert_file": endpoint.tls.cert_file,
            "key_file": endpoint.tls.key_file,
        },
        "timeout": interval(endpoint.timeout),
        "retry": {
            "schedule": endpoint.retry.schedule.iter().map(|delay| milliseconds(*delay)).collect::<Vec<_>>(),
            "jitter": endpoint.retry.jitter,
            "retry_on_status": endpoint.retry.retry_on_status,
        },
        "ordering": match endpoint.ordering {
            Ordering::Key => "key",
            Ordering::Endpoint => "endpoint",
            Ordering::None => "none",
        },
        "max_in_flight": endpoint.max_in_flight,
        "rate_limit_per_second": endpoint.rate_limit_per_second,
        "failure_rest": endpoint.failure_rest.iter().map(|rest| interval(*rest)).collect::<Vec<_>>(),
        "alert_after": endpoint.alert_after,
        "disable_after": endpoint.disable_after,
        "disable_min_duration": interval(endpoint.disable_min_duration),
    })
}

fn lists(lists: &[(String, Vec<String>)]) -> Value {
    Value::Object(lists.iter().map(|(label, fields)| (label.clone(), json!(fields))).collect())
}

fn auth(auth: &Auth) -> Value {
    match auth {
        Auth::Basic { username, .. } => {
            json!({"type": "basic", "username": username, "password": HIDDEN})
        }
        Auth::Bearer { .. } => json!({"type": "bearer", "token": HIDDEN}),
        Auth::OAuth2(credentials) => json!({
            "type": "oauth2",
            "client_id": credentials.client_id,
            "client_secret": HIDDEN,
            "scope": credentials.scope,
        }),
    }
}

fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::XWebhook => "x-webhook",
        Profile::Standard => "standard",
        Profile::Body => "body",
        Profile::XSignature => "x-signature",
    }
}

fn interval(duration: Duration) -> String {
    format!("{} milliseconds", duration.as_millis())
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

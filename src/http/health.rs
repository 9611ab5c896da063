//! What every /health has: findings, certificates, and the status that a verdict gives.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    certificate::{CertificateStatus, Certificates},
    clock::Clock,
    health::{Finding, Verdict},
};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FindingHealth {
    component: &'static str,
    code: &'static str,
    severity: &'static str,
    /// The fleet server raises an alert for it.
    alert: bool,
    /// The fault and its remedy.
    sentence: String,
    /// Detail of this instance; null where the code is enough.
    detail: Option<String>,
}

impl FindingHealth {
    /// As /health writes it.
    pub(crate) fn of(finding: &Finding) -> Self {
        FindingHealth {
            component: finding.component().name(),
            code: finding.code.name(),
            severity: finding.severity.name(),
            alert: finding.raises_alert(),
            sentence: finding.sentence(),
            detail: finding.detail.clone(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CertificateHealth {
    /// The key of the configuration that names it.
    certificate: &'static str,
    /// When it ends, unix s; null where that cannot be read.
    not_after_s: Option<i64>,
    /// Whole days until then, negative afterwards; null while the clock is not set.
    days_left: Option<i64>,
    /// It has ended or will within 14 days, is not valid yet, or could not be renewed.
    error: Option<String>,
}

/// The state of the certificates.
pub(crate) fn certificates(
    certificates: &Certificates,
    clock: &dyn Clock,
) -> Vec<CertificateHealth> {
    let health = |status: CertificateStatus| CertificateHealth {
        certificate: status.key,
        not_after_s: status.not_after_s,
        days_left: status.days_left,
        error: status.problem.map(|(_, sentence)| sentence),
    };
    certificates.statuses(clock).into_iter().map(health).collect()
}

/// `body` with the status of a verdict: 503 only where nothing can be served.
pub(crate) fn answer_of(verdict: Verdict, body: impl Serialize) -> Response {
    let code = match verdict {
        Verdict::Healthy | Verdict::Degraded => StatusCode::OK,
        Verdict::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(body)).into_response()
}

/// Answers GET /health/live: the process answers.
pub(crate) async fn live() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

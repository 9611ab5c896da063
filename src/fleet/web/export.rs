//! The lists as CSV.

use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use serde_json::Value;

use super::{
    Shared,
    alerts::AlertsQuery,
    booths::{HistoryQuery, ListQuery, no_booth},
    csv::{Csv, utc},
    sessions::SessionsQuery,
};
use crate::{
    fleet::{BoothKey, Modality, Series},
    http::{Caller, Parameters, Refused},
};

/// Answers GET /api/v1/fleet/booths.csv: every booth that the filter admits.
pub(super) async fn booths(
    State(shared): State<Shared>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Response, Refused> {
    let (rows, _) = shared.fleet_state().list(&query.filter(), 0, usize::MAX);
    let mut csv = Csv::new(&[
        "site",
        "booth",
        "presence",
        "since_utc",
        "last_seen_utc",
        "health",
        "camera",
        "microphone",
        "temperature_c",
        "version",
        "outbox_depth",
        "alerts",
    ]);
    for row in rows {
        let alerts: Vec<_> = row.alerts.iter().map(|kind| kind.name()).collect();
        csv.row([
            Some(row.key.site),
            Some(row.key.booth),
            word(&row.presence),
            Some(utc(row.since)),
            row.last_seen_at.map(utc),
            row.health,
            row.camera,
            row.microphone,
            row.temperature_c.map(|value| value.to_string()),
            row.version,
            row.outbox_depth.map(|depth| depth.to_string()),
            Some(alerts.join(" ")),
        ]);
    }
    Ok(csv.into_response("booths"))
}

/// Answers GET /api/v1/fleet/alerts.csv.
pub(super) async fn alerts(
    State(shared): State<Shared>,
    Parameters(query): Parameters<AlertsQuery>,
) -> Result<Response, Refused> {
    let alerts = shared.state.archive.alerts(query.asked()?).await?;
    let mut csv = Csv::new(&[
        "alert_id",
        "site",
        "booth",
        "kind",
        "since_utc",
        "until_utc",
        "detail",
        "acknowledged_by",
        "acknowledged_utc",
        "note",
    ]);
    for alert in alerts {
        csv.row([
            Some(alert.alert_id.to_string()),
            Some(alert.key.site),
            Some(alert.key.booth),
            Some(alert.kind.name().to_owned()),
            Some(utc(alert.since)),
            alert.until.map(utc),
            Some(alert.detail),
            alert.acknowledged_by,
            alert.acknowledged_at.map(utc),
            alert.note,
        ]);
    }
    Ok(csv.into_response("alerts"))
}

/// Answers GET /api/v1/fleet/sessions.csv: one row a session and metric of its summary.
pub(super) async fn sessions(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Parameters(query): Parameters<SessionsQuery>,
) -> Result<Response, Refused> {
    let sessions = shared.state.archive.sessions(query.asked()?).await?;
    let exported = format!("{} sessions", sessions.len());
    let store = &shared.state.store;
    store.audit(caller.actor(), "session.export", "sessions", &exported).await?;
    let mut csv = Csv::new(&[
        "site",
        "booth",
        "session_id",
        "subject_ref",
        "started_utc",
        "ended_utc",
        "metric",
        "mean",
        "min",
        "max",
        "covered_ms",
    ]);
    for session in sessions {
        let started = session.started.unwrap_or_default();
        let head = [
            Some(session.key.site),
            Some(session.key.booth),
            Some(session.session_id),
            text(&started["subject_ref"]),
            session.started_at.map(utc),
            session.ended_at.map(utc),
        ];
        let summary = session.summary.unwrap_or_default();
        match summary["metrics"].as_object().filter(|metrics| !metrics.is_empty()) {
            None => csv.row(head.into_iter().chain([const { None }; 5])),
            Some(metrics) => {
                for (name, of) in metrics {
                    let numbers = ["mean", "min", "max", "covered_ms"].map(|n| text(&of[n]));
                    let cells = head.clone().into_iter().chain([Some(name.clone())]);
                    csv.row(cells.chain(numbers));
                }
            }
        }
    }
    Ok(csv.into_response("sessions"))
}

/// Answers GET /api/v1/fleet/booths/{site}/{booth}/history.csv.
pub(super) async fn history(
    State(shared): State<Shared>,
    Path((site, booth)): Path<(String, String)>,
    Parameters(query): Parameters<HistoryQuery>,
) -> Result<Response, Refused> {
    let (from, until) = query.span(shared.clock.unix_ms())?;
    let key = BoothKey { site, booth };
    let history = shared.state.archive.history(key, from, until).await?;
    let history = history.ok_or_else(no_booth)?;
    let mut csv = Csv::new(&["at_utc", "modality", "metric", "mean", "samples"]);
    write_series(&mut csv, Modality::Video, &history.video);
    write_series(&mut csv, Modality::Audio, &history.audio);
    Ok(csv.into_response("history"))
}

fn write_series(csv: &mut Csv, modality: Modality, series: &Series) {
    for (k, (at, samples)) in series.at.iter().zip(&series.samples).enumerate() {
        for (name, means) in &series.means {
            csv.row([
                Some(utc(*at)),
                word(&modality),
                Some((*name).to_owned()),
                means[k].map(|mean| mean.to_string()),
                Some(samples.to_string()),
            ]);
        }
    }
}

/// The JSON word of a value.
fn word(value: &impl serde::Serialize) -> Option<String> {
    text(&serde_json::to_value(value).ok()?)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

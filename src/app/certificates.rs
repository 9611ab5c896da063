//! Watches the certificates of the booth and its broker, so that they are reported before they
//! expire. Each connection reads the files again, so nothing is loaded here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    certificate::{self, Certificate, Certificates},
    clock::Clock,
    mqtt::MqttConfig,
    stop::Stop,
};

/// Interval between two reads of the files.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A certificate file of the connection to the broker, and its last state.
struct Watched {
    certificate: Certificate,
    path: PathBuf,
    is_authority: bool,
}

/// Watches the files of `mqtt` until `stop`.
pub(super) fn follow(
    runtime: &Runtime,
    mqtt: Option<&MqttConfig>,
    certificates: &Certificates,
    clock: Arc<dyn Clock>,
    stop: Stop,
) {
    let Some(files) = mqtt.and_then(|mqtt| mqtt.tls.as_ref()) else { return };
    let client = files.client.as_ref().map(|(certificate, _)| certificate);
    let named = [("mqtt.client_certificate", client), ("mqtt.ca_file", files.ca.as_ref())];
    let watched: Vec<_> = named
        .into_iter()
        .filter_map(|(key, path)| {
            let (certificate, path) = (Certificate::new(key), path?.clone());
            certificates.add(certificate.clone());
            Some(Watched { certificate, path, is_authority: key == "mqtt.ca_file" })
        })
        .collect();
    runtime.spawn(async move {
        let mut turn = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.requested() => return,
                _ = turn.tick() => {}
            }
            for Watched { certificate, path, is_authority } in &watched {
                certificate::look_at_file(certificate, path, *is_authority);
                certificate.log_trouble(&*clock);
            }
        }
    });
}

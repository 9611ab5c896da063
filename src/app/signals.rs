//! Signals: TERM and INT stop, HUP reads the configuration again; USR1 and USR2 are ignored.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    error::{Error, ErrorKind, Result},
    light::Light,
    stop::Stop,
};

/// How long a stop may take before the process leaves as it is.
const GRACE: Duration = Duration::from_secs(5);

fn listen_for(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|cause| {
        Error::new(ErrorKind::Internal, "signals cannot be received").because(cause)
    })
}

/// SIGHUPs from now on. Must be called in the network runtime.
pub(super) fn hangups() -> Result<Signal> {
    listen_for(SignalKind::hangup())
}

/// The first signal requests the stop; a second one, or the end of the grace, exits at once.
pub(super) async fn stop_on_signal(stop: &Stop, light: Light) -> Result<()> {
    let mut terminate = listen_for(SignalKind::terminate())?;
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    for kind in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
        let mut meaningless = listen_for(kind)?;
        tokio::spawn(async move {
            while meaningless.recv().await.is_some() {
                log::info!(target: "app", signal = kind.as_raw_value(); "a signal that means nothing to boothd");
            }
        });
    }
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
        log::info!(target: "app", "stopping");
        stop.request();
        tokio::select! {
            _ = terminate.recv() => log::warn!(target: "app", "second signal, leaving at once"),
            _ = interrupt.recv() => log::warn!(target: "app", "second signal, leaving at once"),
            () = tokio::time::sleep(GRACE) => {
                log::error!(target: "app", "not everything stopped in time, leaving as it is");
            }
        }
        light.put_out();
        std::process::exit(1);
    });
    Ok(())
}

//! The `run` half of every device loop: retries without end, logs each new failure once, stops on
//! request.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    component::{Component, State},
    error::{Error, ErrorKind, Result},
    gate::Gate,
    heartbeat::IDLE_TURN,
    stop::Stop,
};

/// The clock, component, stop and gate of a device loop.
#[derive(Clone)]
pub struct LoopContext {
    /// Where it reads the time and waits.
    pub clock: Arc<dyn Clock>,
    /// Where it reports its status; also names its thread and log target.
    pub component: Arc<Component>,
    /// Ends the loop.
    pub stop: Stop,
    /// Whether the device may be used; while it is closed the device is, too.
    pub gate: Gate,
}

impl LoopContext {
    /// Whether the device may still be used; checked at each turn of its loop.
    pub(super) fn may_go_on(&self) -> bool {
        self.component.beat();
        !self.stop.is_requested() && self.gate.is_open()
    }

    /// Waits for `how_long` or until stop is requested; the loop still turns.
    pub(super) fn rest(&self, how_long: Duration) {
        let mut left = how_long;
        while !left.is_zero() && !self.stop.is_requested() {
            self.component.beat();
            let now = left.min(IDLE_TURN);
            self.clock.sleep(now, &self.stop);
            left -= now;
        }
    }
}

/// The wait after the first failure; it doubles from here.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A device that is away costs one failed open a look, some microseconds, and no other program
/// waits for the same device, so jitter is not needed. A second keeps "back within
/// 3 s of its return" true with room for the camera's own start.
const LONGEST_WAIT_UNAVAILABLE: Duration = Duration::from_secs(1);

/// A fault that a person must repair is retried without haste.
const LONGEST_WAIT_OTHERWISE: Duration = Duration::from_secs(5);

/// Calls `run_once` until stop is requested, waiting between failures.
///
/// Each new failure is one warning in the log; the same failure again is silent, however long
/// the device stays away.
pub(super) fn run_for_ever(context: &LoopContext, mut run_once: impl FnMut() -> Result<()>) {
    let mut wait = FIRST_WAIT;
    let mut logged = String::new();
    while wait_at_gate(context) {
        let Err(err) = run_once() else { continue };
        if report(&context.component, &err) {
            (wait, logged) = (FIRST_WAIT, String::new());
        }
        let message = err.chain().to_string();
        if message != logged {
            log::warn!(target: context.component.name(), error = message.as_str(); "source unavailable, trying again");
            logged = message;
        }
        context.rest(wait);
        wait = (wait * 2).min(longest_wait(err.kind()));
    }
    context.component.update(|status| status.state = State::Stopped);
}

/// Waits, with the device closed, until it may be used; false when stop is requested.
fn wait_at_gate(context: &LoopContext) -> bool {
    let LoopContext { component, stop, gate, .. } = context;
    component.beat();
    if gate.is_open() || stop.is_requested() {
        return !stop.is_requested();
    }
    component.update(|status| (status.state, status.error) = (State::Paused, None));
    log::info!(target: component.name(), "paused, the device is closed");
    let is_open = gate.wait_open(stop, || component.beat());
    if is_open {
        component.update(|status| status.state = State::Starting);
    }
    is_open
}

/// Tells /health; true when media flowed until now.
fn report(component: &Component, err: &Error) -> bool {
    let flowed = component.status().state == State::Running;
    if flowed {
        component.lost(err.to_string());
    } else {
        component.update(|status| {
            status.state = State::Unavailable;
            status.error = Some(err.to_string());
        });
    }
    flowed
}

fn longest_wait(kind: ErrorKind) -> Duration {
    match kind {
        ErrorKind::Unavailable => LONGEST_WAIT_UNAVAILABLE,
        _ => LONGEST_WAIT_OTHERWISE,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::{clock::SimulatedClock, component::ComponentId};

    fn context() -> (LoopContext, Arc<SimulatedClock>) {
        let clock = Arc::new(SimulatedClock::default());
        let component = Arc::new(Component::new(ComponentId::Camera));
        (
            {
                let (stop, gate) = (Stop::default(), Gate::new(true));
                LoopContext { clock: clock.clone(), component, stop, gate }
            },
            clock,
        )
    }

    #[test]
    fn waits_double_up_to_the_kinds_longest_and_begin_again_after_media() {
        let (context, clock) = context();
        let times = RefCell::new(Vec::new());
        run_for_ever(&context, || {
            times.borrow_mut().push(clock.monotonic().as_millis());
            match times.borrow().len() {
                5 => context.component.media_passed(clock.monotonic()),
                8 => context.stop.request(),
                _ => (),
            }
            Err(Error::new(ErrorKind::Unavailable, "gone"))
        });
        assert_eq!(times.into_inner(), [0, 250, 750, 1750, 2750, 3000, 3500, 4500]);
        assert_eq!(context.component.status().restarts_total, 1);
    }

    #[test]
    fn health_hears_of_a_device_that_never_came() {
        let (context, _) = context();
        let tries = Cell::new(0);
        run_for_ever(&context, || {
            tries.set(tries.get() + 1);
            if tries.get() > 1 {
                let status = context.component.status();
                assert_eq!(status.state, State::Unavailable);
                assert_eq!(status.error.as_deref(), Some("camera is not there"));
                assert_eq!(status.restarts_total, 0);
                context.stop.request();
                return Ok(());
            }
            Err(Error::new(ErrorKind::Unavailable, "camera is not there"))
        });
        assert_eq!(context.component.status().state, State::Stopped);
    }
}

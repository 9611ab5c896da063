//! [`Light`]: the recording light, lit while camera or microphone is open and dark otherwise. It
//! fails closed: opening a device requires a [`LightLease`], and there is none without the light.
//!
//! Counts its leases and checks the LED each second. Opens no device; `led` has the LED's files.

mod led;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use led::Led;

use crate::{
    component::{Component, ComponentId, State},
    error::{Error, ErrorKind, Result},
    stop::Stop,
};

/// How often the LED is checked: another program may have switched it, or it was unplugged.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// The recording light, or none. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Light {
    component: Arc<Component>,
    shared: Option<Arc<Shared>>,
}

/// The right to have a device open; the light goes out after the last one was dropped.
#[derive(Debug)]
pub struct LightLease {
    light: Light,
}

#[derive(Debug)]
struct Shared {
    led: Led,
    turn: Mutex<Turn>,
}

/// Held while the LED is switched, so that it never differs from the count.
#[derive(Debug, Default)]
struct Turn {
    held: usize,
    is_over: bool,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Fault {
    kind: ErrorKind,
    sentence: String,
    /// It can be darkened and not lit: that darkening it succeeds proves nothing.
    is_of_lighting: bool,
}

impl Light {
    /// No light: everything may be opened.
    pub fn none() -> Self {
        Light::new(None)
    }

    /// The LED of that folder in sysfs, dark from now on. While it cannot be switched, the component
    /// `light` is unavailable and devices stay closed.
    pub fn new(folder: Option<&Path>) -> Self {
        let component = Arc::new(Component::new(ComponentId::Light));
        let shared = folder.map(|folder| {
            component.update(|status| status.source = Some(folder.display().to_string()));
            Arc::new(Shared { led: Led::at(folder), turn: Mutex::default() })
        });
        if shared.is_none() {
            component.update(|status| status.state = State::Off);
        }
        let light = Light { component, shared };
        light.look();
        light
    }

    /// The component `light`, with its status.
    pub fn component(&self) -> &Arc<Component> {
        &self.component
    }

    /// Whether a light is configured.
    pub fn is_there(&self) -> bool {
        self.shared.is_some()
    }

    /// Lights it; the device may be opened once this has returned.
    ///
    /// # Errors
    /// The LED cannot be lit, or boothd stops: the device must not be opened.
    pub fn hold(&self) -> Result<LightLease> {
        if let Some(shared) = &self.shared {
            let mut turn = shared.turn();
            if turn.is_over {
                let what = "boothd leaves and opens nothing any more";
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            turn.held += 1;
            self.set(shared, &mut turn);
            if let Some(fault) = &turn.fault {
                let error = fault.refusal();
                turn.held -= 1;
                return Err(error);
            }
        }
        Ok(LightLease { light: self.clone() })
    }

    /// Checks and corrects the LED every second until `stop`. Blocks: runs in a thread of its own.
    /// Returns at once without a light.
    pub fn watch(&self, stop: &Stop) {
        while self.is_there() {
            self.component.beat();
            self.look();
            if stop.wait_timeout(LOOK_EVERY) {
                return;
            }
        }
    }

    /// Darkens it for good: nothing is opened from now on.
    pub fn put_out(&self) {
        let Some(shared) = &self.shared else { return };
        let mut turn = shared.turn();
        turn.is_over = true;
        let darkened = shared.led.set(false);
        let on = darkened.is_ok().then_some(false);
        self.component.update(|status| (status.state, status.on) = (State::Stopped, on));
        if let Err(error) = darkened {
            let chain = error.chain().to_string();
            log::error!(target: "light", error = chain.as_str(); "the recording light cannot be put out");
        }
    }

    fn look(&self) {
        if let Some(shared) = &self.shared {
            self.set(shared, &mut shared.turn());
        }
    }

    /// Switches the LED to what the count of leases requires; sets the component's status and logs
    /// a new fault.
    fn set(&self, shared: &Shared, turn: &mut Turn) {
        if turn.is_over {
            return;
        }
        let lit = turn.held > 0;
        match shared.led.set(lit) {
            Ok(()) => self.obeyed(turn, lit),
            Err(error) => {
                let is_of_lighting = lit && shared.led.set(false).is_ok();
                let sentence = error.to_string();
                let is_news =
                    turn.fault.as_ref().is_none_or(|known| known.sentence != sentence);
                if is_news {
                    let chain = error.chain().to_string();
                    log::warn!(target: "light", error = chain.as_str(); "the recording light fails, camera and microphone stay closed until it works");
                }
                let kind = error.kind();
                self.component.update(|status| {
                    status.restarts_total += u64::from(status.state == State::Running);
                    status.state = State::Unavailable;
                    status.error = Some(sentence.clone());
                    status.on = is_of_lighting.then_some(false);
                });
                turn.fault = Some(Fault { kind, sentence, is_of_lighting });
            }
        }
    }

    fn obeyed(&self, turn: &mut Turn, lit: bool) {
        if turn.fault.as_ref().is_some_and(|fault| fault.is_of_lighting && !lit) {
            return;
        }
        if turn.fault.take().is_some() {
            log::info!(target: "light", "the recording light works again");
        }
        self.component.update(|status| {
            (status.state, status.error, status.on) = (State::Running, None, Some(lit));
        });
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().expect(UNPOISONED)
    }
}

impl Fault {
    fn refusal(&self) -> Error {
        let what = format!("nothing is opened without its recording light: {}", self.sentence);
        Error::new(self.kind, what)
    }
}

impl LightLease {
    /// Whether the light still is what it should be; asked at each turn of a device's loop.
    ///
    /// # Errors
    /// What was wrong with the LED at the last look. The device must be closed then.
    pub fn check(&self) -> Result<()> {
        let Some(shared) = &self.light.shared else { return Ok(()) };
        shared.turn().fault.as_ref().map_or(Ok(()), |fault| Err(fault.refusal()))
    }

    /// The device refuses to close: the light stays lit as long as boothd runs.
    pub fn keep(mut self) {
        self.light.shared = None;
    }
}

impl Drop for LightLease {
    fn drop(&mut self) {
        let Some(shared) = &self.light.shared else { return };
        let mut turn = shared.turn();
        turn.held -= 1;
        self.light.set(shared, &mut turn);
    }
}

#[cfg(test)]
mod tests;

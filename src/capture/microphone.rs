//! [`Microphone`]: the loop that turns a microphone into segments, for ever.
//!
//! Knows no ALSA: a device is opened through [`SoundOpener`], so tests bring their own sound and
//! clock.

use std::{sync::Mutex, time::Duration};

use log::Level;

use crate::{
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, Period, SAMPLE_RATE_HZ},
};

use super::{
    SegmentSink, retry,
    retry::LoopContext,
    segmenter::{SegmentConfig, Segmenter},
    stillness::ConstantSound,
};

/// Which microphone, and how its sound is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct MicrophoneConfig {
    /// `auto`, an ALSA device (`plughw:CARD=Yeti,DEV=0`), or part of a card's name (`Yeti`).
    pub device: String,
    /// How the sound is cut into segments.
    pub segments: SegmentConfig,
}

impl Default for MicrophoneConfig {
    fn default() -> Self {
        MicrophoneConfig { device: "auto".to_owned(), segments: SegmentConfig::default() }
    }
}

/// Finds and opens a microphone.
pub trait SoundOpener: Send + Sync {
    /// Opens `device` as 16 kHz mono 16-bit and starts it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] when it is away, busy or not ready; [`ErrorKind::Config`] when
    /// a person must act (no permission, no way to 16 kHz mono).
    fn open(&self, device: &str) -> Result<Box<dyn SoundDevice>>;
}

/// A microphone that records.
pub trait SoundDevice {
    /// The device and what it is.
    fn description(&self) -> &str;

    /// Waits at most `timeout` for sound and reads what is there, up to `into.len()` samples.
    ///
    /// # Errors
    ///
    /// The device is unusable and must be opened again.
    fn read(&mut self, into: &mut [i16], timeout: Duration) -> Result<SoundRead>;

    /// What is wrong with the channels that the samples are mixed from.
    fn channel_fault(&self) -> Option<ChannelFault> {
        None
    }
}

/// The result of one read from a [`SoundDevice`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SoundRead {
    /// This many samples, at least one.
    Samples(usize),
    /// Nothing yet.
    Nothing,
    /// Samples were lost (overrun, suspend); the device records again from here.
    Lost,
}

/// One period: 100 ms.
pub const PERIOD_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 10;

/// How long one wait for sound lasts: what it takes to obey a stop.
const POLL_TIMEOUT: Duration = Duration::from_millis(150);

/// Without a sample for so long the device is stuck and is opened again. Leaves room below the
/// 3 s in which that must be noticed.
const STALL: Duration = Duration::from_millis(2200);

/// A device that answers "nothing yet" at once is not asked again sooner than this.
const REST: Duration = Duration::from_millis(20);

/// The microphone's loop.
pub struct Microphone {
    opener: Box<dyn SoundOpener>,
    device: String,
    /// Outlives a lost device, so that segments go on counting. Only the loop locks it.
    segmenter: Mutex<Segmenter>,
    context: LoopContext,
}

impl Microphone {
    /// A microphone that is not yet open.
    pub fn new(
        config: MicrophoneConfig,
        opener: Box<dyn SoundOpener>,
        context: LoopContext,
    ) -> Self {
        let segmenter = Mutex::new(Segmenter::new(config.segments));
        Microphone { opener, device: config.device, segmenter, context }
    }

    /// Records until stop is requested; a microphone that is lost is opened again for ever.
    pub fn run(&self, sink: &dyn SegmentSink) {
        retry::run_for_ever(&self.context, || self.run_once(sink));
    }

    /// Opens the microphone and records until stop is requested or the gate is closed.
    ///
    /// # Errors
    ///
    /// The errors of [`SoundOpener::open`] and [`SoundDevice::read`], and
    /// [`ErrorKind::Unavailable`] when no sample came for 2.2 s.
    pub fn run_once(&self, sink: &dyn SegmentSink) -> Result<()> {
        let LoopContext { clock, component, stop, .. } = &self.context;
        let mut device = self.opener.open(&self.device)?;
        let name = device.description().to_owned();
        log::info!(target: component.name(), device = name.as_str(); "microphone opened");
        component.update(|status| {
            (status.source, status.unchanged_since) = (Some(name.clone()), None)
        });

        let mut constant = ConstantSound::default();
        let mut period = vec![0; PERIOD_SAMPLES];
        let (mut filled, mut gap_before) = (0, true);
        let (mut received_at, mut has_lost, mut logged_fault) =
            (clock.monotonic(), false, None);
        while self.context.may_go_on() {
            let asked_at = clock.monotonic();
            let read = device.read(&mut period[filled..], POLL_TIMEOUT)?;
            let now = clock.monotonic();
            match read {
                SoundRead::Samples(count) => {
                    (filled, received_at) = (filled + count, now);
                }
                SoundRead::Lost => {
                    (filled, gap_before) = (0, true);
                    component.update(|status| status.overruns_total += 1);
                    // The first one asks for a look; /health counts the others.
                    let level = if has_lost { Level::Debug } else { Level::Warn };
                    log::log!(target: component.name(), level, device = name.as_str(); "samples lost, recording goes on");
                    has_lost = true;
                }
                SoundRead::Nothing if now.saturating_sub(asked_at) < REST => {
                    clock.sleep(REST, stop)
                }
                SoundRead::Nothing => (),
            }
            if filled == period.len() && self.context.may_go_on() {
                let unchanged_since = constant.observe(&period, now);
                component.update(|status| status.unchanged_since = unchanged_since);
                let channel_fault = device.channel_fault();
                if channel_fault != logged_fault {
                    log_channel_fault(component.name(), &name, channel_fault);
                    logged_fault = channel_fault;
                }
                let unix_ms = clock.unix_ms();
                let samples = std::mem::take(&mut period);
                let whole =
                    Period { captured_at: now, unix_ms, gap_before, channel_fault, samples };
                period = self.put(whole, sink);
                (filled, gap_before) = (0, false);
            }
            if now.saturating_sub(received_at) >= STALL {
                return Err(stalled(&name));
            }
        }
        Ok(())
    }

    /// Passes a whole period on; the memory of its samples comes back for the next one.
    fn put(&self, mut period: Period, sink: &dyn SegmentSink) -> Vec<i16> {
        self.context.component.media_passed(period.captured_at);
        let mut segmenter = self.segmenter.lock().expect("only the loop locks it");
        segmenter.push(&period, |segment| sink.put(segment));
        std::mem::take(&mut period.samples)
    }
}

/// The channels of the microphone `name` have another fault now, or none any more.
fn log_channel_fault(target: &str, name: &str, fault: Option<ChannelFault>) {
    match fault {
        Some(fault) => log::warn!(target: target, device = name; "{}", fault.sentence()),
        None => log::info!(target: target, device = name; "the channels are alike again"),
    }
}

fn stalled(name: &str) -> Error {
    let message = format!(
        "microphone {name} sent no samples for {} ms; opening it again (if this repeats: another \
         cable, another USB port)",
        STALL.as_millis()
    );
    Error::new(ErrorKind::Unavailable, message)
}

#[cfg(test)]
#[path = "microphone_tests.rs"]
mod tests;

//! [`AlsaOpener`]: real microphones, through the `alsa` crate. Holds no loop.

use std::time::Duration;

use alsa::{
    Direction, PCM, ValueOr,
    pcm::{Access, Format, HwParams},
};
use rustix::io::Errno;

use crate::{
    decode::channels::ChannelMixer,
    error::{Error, ErrorKind, Result},
    media::{ChannelFault, FULL_SCALE, SAMPLE_RATE_HZ, to_i16},
};

use super::{
    cards,
    microphone::{PERIOD_SAMPLES, SoundDevice, SoundOpener, SoundRead},
};

/// Opens ALSA devices as 16 kHz mono 16-bit; `plug` converts what the hardware gives.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlsaOpener;

/// The device keeps this much unread sound: one second.
const BUFFER_SAMPLES: i64 = SAMPLE_RATE_HZ as i64;

impl SoundOpener for AlsaOpener {
    fn open(&self, device: &str) -> Result<Box<dyn SoundDevice>> {
        // alsa-lib writes to stderr from deep inside; what matters is in the error it returns.
        // The handler belongs to this thread and its text is freed at the next open.
        let _silenced = alsa::Output::local_error_handler().ok();
        if device.starts_with("hw:") {
            log::info!(target: "microphone", device = device; "opened through plug, which converts rate and channels");
        }
        let known_cards = cards::list_microphones();
        let mut failure = None;
        for name in cards::candidates(device, &known_cards) {
            match AlsaMicrophone::open(&name) {
                Ok(microphone) => return Ok(Box::new(microphone)),
                // The first name is the one that was meant.
                Err(err) => failure = failure.or(Some(err)),
            }
        }
        Err(match cards::forbidden() {
            Some(message) => Error::new(ErrorKind::Config, message),
            None => failure.expect("there is at least one candidate"),
        })
    }
}

struct AlsaMicrophone {
    pcm: PCM,
    name: String,
    mixer: ChannelMixer,
    /// What was read, with all its channels, and mixed.
    frames: Vec<i16>,
    mono: Vec<f32>,
}

/// `plug` gives the first two of a card's channels as they are; asked for one, it adds up channels
/// that may cancel each other.
const CHANNELS: u32 = 2;

/// The most that one read gives.
const MOST_CHANNELS: u32 = 32;

impl AlsaMicrophone {
    fn open(name: &str) -> Result<Self> {
        if name.contains('\0') {
            let message = "the microphone's name holds a NUL; see `boothd devices`";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let explain = |err: alsa::Error| explain(name, err);
        // Non-blocking, or the open would wait while another program holds the device.
        let pcm = PCM::new(name, Direction::Capture, true).map_err(explain)?;
        let channels = configure(&pcm).map_err(|err| {
            let message = format!(
                "microphone {name} cannot give 16 kHz mono 16-bit; name it as plughw:… or put a \
                 `plug` before it in asound.conf"
            );
            Error::new(ErrorKind::Config, message).because(err)
        })?;
        pcm.start().map_err(explain)?;
        Ok(AlsaMicrophone {
            pcm,
            name: format!("{name}, {SAMPLE_RATE_HZ} Hz mono"),
            mixer: ChannelMixer::new(channels, SAMPLE_RATE_HZ as f32, FULL_SCALE),
            frames: Vec::new(),
            mono: Vec::new(),
        })
    }

    /// Reads what is there, up to `into.len()` samples, mixed to mono; gives how many.
    fn read_mono(&mut self, into: &mut [i16]) -> alsa::Result<usize> {
        let channels = self.mixer.channels();
        if channels == 1 {
            return self.pcm.io_i16()?.readi(into);
        }
        self.frames.resize(into.len() * channels, 0);
        let count = self.pcm.io_i16()?.readi(&mut self.frames)?;
        self.mono.clear();
        self.mixer.mix(&self.frames[..count * channels], &mut self.mono);
        for (sample, mixed) in into.iter_mut().zip(&self.mono) {
            *sample = to_i16(*mixed);
        }
        Ok(count)
    }

    /// Records again after samples were lost; an error where the device is beyond recovery.
    fn recover(&self, err: alsa::Error) -> Result<SoundRead> {
        let errno = Errno::from_raw_os_error(err.errno());
        match errno {
            Errno::PIPE => (),
            // The machine slept. Not every driver can resume, but each can start again.
            Errno::STRPIPE => match self.pcm.resume() {
                Err(err) if err.errno() == Errno::AGAIN.raw_os_error() => {
                    return Ok(SoundRead::Nothing);
                }
                _ => (),
            },
            Errno::AGAIN | Errno::INTR => return Ok(SoundRead::Nothing),
            _ => return Err(explain(&self.name, err)),
        }
        self.pcm
            .prepare()
            .and_then(|()| self.pcm.start())
            .map_err(|err| explain(&self.name, err))?;
        Ok(SoundRead::Lost)
    }
}

impl SoundDevice for AlsaMicrophone {
    fn description(&self) -> &str {
        &self.name
    }

    fn read(&mut self, into: &mut [i16], timeout: Duration) -> Result<SoundRead> {
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        match self.pcm.wait(Some(timeout_ms)) {
            Ok(true) => (),
            Ok(false) => return Ok(SoundRead::Nothing),
            Err(err) => return self.recover(err),
        }
        match self.read_mono(into) {
            Ok(0) => Ok(SoundRead::Nothing),
            Ok(count) => Ok(SoundRead::Samples(count)),
            Err(err) => self.recover(err),
        }
    }

    fn channel_fault(&self) -> Option<ChannelFault> {
        self.mixer.fault()
    }
}

/// How many channels it has then.
fn configure(pcm: &PCM) -> alsa::Result<usize> {
    let channels = set_up(pcm, CHANNELS)?;
    // Of a mono card `plug` makes two channels at half the level.
    let is_doubled = channels > 1 && card_channels(pcm) == Some(1);
    let channels = if is_doubled { set_up(pcm, 1)? } else { channels };
    Ok(usize::try_from(channels).expect("some channels"))
}

/// How many channels the card itself gives behind all that converts; `None` where alsa-lib does
/// not state it. Its description of a PCM, from the outermost plugin to the card, is the only place
/// where it stands.
fn card_channels(pcm: &PCM) -> Option<u32> {
    let mut text = alsa::Output::buffer_open().ok()?;
    pcm.dump(&mut text).ok()?;
    let text = text.to_string();
    let mut channels = text.lines().filter_map(|line| line.trim().strip_prefix("channels"));
    let of_card = channels.next_back()?;
    of_card.trim().strip_prefix(':')?.trim().parse().ok()
}

fn set_up(pcm: &PCM, channels: u32) -> alsa::Result<u32> {
    let period = i64::try_from(PERIOD_SAMPLES).expect("a period is short");
    let params = HwParams::any(pcm)?;
    params.set_rate_resample(true)?;
    params.set_access(Access::RWInterleaved)?;
    params.set_format(Format::s16())?;
    let channels = params.set_channels_near(channels)?.clamp(1, MOST_CHANNELS);
    params.set_channels(channels)?;
    params.set_rate(SAMPLE_RATE_HZ, ValueOr::Nearest)?;
    params.set_period_size_near(period, ValueOr::Nearest)?;
    params.set_buffer_size_near(BUFFER_SAMPLES)?;
    pcm.hw_params(&params)?;

    let params = pcm.sw_params_current()?;
    // Wake once a period, not once per transfer of the hardware.
    params.set_avail_min(period)?;
    pcm.sw_params(&params)?;
    Ok(channels)
}

/// What an operator can do about an error of the ALSA device `name`.
fn explain(name: &str, err: alsa::Error) -> Error {
    let (kind, what) = match Errno::from_raw_os_error(err.errno()) {
        Errno::ACCESS | Errno::PERM => (
            ErrorKind::Config,
            "may not be opened by this account; join the group that owns /dev/snd (`audio`)",
        ),
        Errno::BUSY | Errno::AGAIN => (
            ErrorKind::Unavailable,
            "is in use by another program; close that one, or put `dsnoop` before it",
        ),
        Errno::NOENT | Errno::NODEV | Errno::NXIO => {
            (ErrorKind::Unavailable, "is not there; plug it in, or see `boothd devices`")
        }
        Errno::INVAL => {
            (ErrorKind::Config, "is not an ALSA capture device; see `boothd devices`")
        }
        _ => (ErrorKind::Unavailable, "does not record"),
    };
    Error::new(kind, format!("microphone {name} {what}")).because(err)
}

//! [`ChannelMixer`]: the channels of one recording, to mono. Knows no container and no device.
//!
//! The mean of all channels is silence where a balanced microphone sits in a stereo jack (one
//! channel is the other, negated), and 6 dB too quiet where one of two channels is dead. So the
//! channels are compared with the loudest one: what is over 20 dB quieter is left out, what runs
//! against it is turned over, and the mean of the rest is taken. Alike channels come out as their
//! mean, bit by bit.

use crate::media::ChannelFault;

/// The energies that are compared fade with this time constant: a speaker who pauses is not dead.
const MEMORY_S: f32 = 5.0;
/// A channel with a smaller share of the loudest one's energy (-20 dB) is left out.
const LEAST_SHARE: f64 = 1e-2;
/// One that was left out comes back from here on (-17 dB).
const RETURN_SHARE: f64 = 2e-2;
/// A channel with a smaller share (-40 dB) is dead; a second speaker's microphone never is.
const DEAD_SHARE: f64 = 1e-4;
/// A channel is turned over when its correlation with the loudest one falls below this, and
/// turned back above 0. Microphones apart have a correlation near 0.
const OPPOSITE: f64 = -0.5;
/// Another channel becomes the loudest one when it has so much more energy (3 dB).
const LEAD_RATIO: f64 = 2.0;
/// The loudest channel's level from which the others can be judged, as mean square:
/// -60 dB of full scale.
const AUDIBLE: f64 = 1e-6;
/// So much audible sound is analysed before a fault is reported.
const PATIENCE_S: f32 = 1.0;

/// Mixes interleaved samples to mono, block by block. See the module.
#[derive(Clone, Debug)]
pub struct ChannelMixer {
    channels: Vec<Channel>,
    /// Index of the loudest one.
    lead: usize,
    rate_hz: f32,
    full_scale: f32,
    /// Fading count of frames.
    count: f64,
    /// Frames whose loudest channel was audible.
    audible_frames: f32,
    /// The weights of this block are not those of the block before.
    is_changing: bool,
    fault: Option<ChannelFault>,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Fading sums of squares of full scale: of the samples, and of their products with the
    /// loudest channel's.
    energy: f64,
    product: f64,
    is_left_out: bool,
    /// 1, or -1 where it is turned over.
    sign: f32,
    /// Its share of the mean, and that in the block before.
    weight: f32,
    weight_before: f32,
}

impl ChannelMixer {
    /// A mixer for frames of `channels` samples (at least one) at `rate_hz`, in which `full_scale`
    /// is the largest sample.
    ///
    /// # Panics
    /// Without a channel.
    pub fn new(channels: usize, rate_hz: f32, full_scale: f32) -> Self {
        assert!(channels > 0, "a recording has at least one channel");
        let channel = Channel {
            energy: 0.0,
            product: 0.0,
            is_left_out: false,
            sign: 1.0,
            weight: 0.0,
            weight_before: 0.0,
        };
        ChannelMixer {
            channels: vec![channel; channels],
            lead: 0,
            rate_hz,
            full_scale,
            count: 0.0,
            audible_frames: 0.0,
            is_changing: false,
            fault: None,
        }
    }

    /// Samples in a frame.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// What is wrong with the channels; `None` while nothing is, or after too little sound.
    pub fn fault(&self) -> Option<ChannelFault> {
        self.fault
    }

    /// Appends the mono samples of a block of whole frames (some milliseconds to a few hundred).
    /// A new decision holds from the block that gives rise to it, faded in over it.
    pub fn mix<T: Copy + Into<f32>>(&mut self, frames: &[T], out: &mut Vec<f32>) {
        let width = self.channels.len();
        if width == 1 {
            out.extend(frames.iter().map(|sample| (*sample).into()));
            return;
        }
        let count = frames.len() / width;
        if count == 0 {
            return;
        }
        self.listen(frames, count as f32);
        self.decide();
        if !self.is_changing {
            let mean = |frame: &[T]| {
                let weighted = frame.iter().zip(&self.channels);
                weighted.map(|(sample, channel)| (*sample).into() * channel.weight).sum::<f32>()
            };
            out.extend(frames.chunks_exact(width).map(mean));
            return;
        }
        for (index, frame) in frames.chunks_exact(width).enumerate() {
            let share = (index + 1) as f32 / count as f32;
            let weighted = frame.iter().zip(&self.channels).map(|(sample, channel)| {
                let change = channel.weight - channel.weight_before;
                (*sample).into() * (channel.weight_before + share * change)
            });
            out.push(weighted.sum());
        }
    }

    /// Takes a block of `count` frames into account.
    fn listen<T: Copy + Into<f32>>(&mut self, frames: &[T], count: f32) {
        let (width, fade) = (self.channels.len(), (-count / (self.rate_hz * MEMORY_S)).exp());
        let scale = 1.0 / (f64::from(self.full_scale) * f64::from(self.full_scale));
        let sum = |a: usize, b: usize| {
            let product = |frame: &[T]| -> f32 { frame[a].into() * frame[b].into() };
            let parts = frames.chunks(width * 64);
            let sums = parts.map(|part| part.chunks_exact(width).map(product).sum::<f32>());
            sums.map(f64::from).sum::<f64>() * scale
        };
        for index in 0..width {
            let energy = sum(index, index);
            let channel = &mut self.channels[index];
            channel.energy = channel.energy * f64::from(fade) + energy;
        }
        self.count = self.count * f64::from(fade) + f64::from(count);
        let most = (0..width).fold(self.lead, |lead, index| {
            let energy = |index: usize| self.channels[index].energy;
            let is_louder = energy(index) > energy(lead) * LEAD_RATIO;
            if is_louder { index } else { lead }
        });
        let is_other = most != self.lead;
        self.lead = most;
        for index in 0..width {
            let product = sum(index, most);
            let channel = &mut self.channels[index];
            let before = if is_other { 0.0 } else { channel.product };
            channel.product = before * f64::from(fade) + product;
        }
        if self.is_audible() {
            self.audible_frames += count;
        }
    }

    fn is_audible(&self) -> bool {
        self.channels[self.lead].energy >= AUDIBLE * self.count
    }

    /// The weight of each channel, and what is wrong.
    fn decide(&mut self) {
        let lead = self.channels[self.lead];
        let mut is_opposite = false;
        for channel in &mut self.channels {
            let least = if channel.is_left_out { RETURN_SHARE } else { LEAST_SHARE };
            channel.is_left_out = channel.energy < least * lead.energy;
            // Signs are kept where they can be: what changes both at once passes through silence.
            let relative = channel.sign * lead.sign;
            // Of silence it is not a number, and nothing changes.
            let correlation = channel.product / (channel.energy * lead.energy).sqrt();
            let turned = match relative > 0.0 {
                true if correlation < OPPOSITE => -1.0,
                false if correlation > 0.0 => 1.0,
                _ => relative,
            };
            channel.sign = turned * lead.sign;
            is_opposite |= !channel.is_left_out && turned < 0.0;
        }
        let kept = self.channels.iter().filter(|channel| !channel.is_left_out).count();
        // Nothing came before the first block that a change could be faded in from.
        let is_first = self.channels.iter().all(|channel| channel.weight.abs() == 0.0);
        self.is_changing = false;
        for channel in &mut self.channels {
            let share = if channel.is_left_out { 0.0 } else { 1.0 / kept as f32 };
            channel.weight_before = channel.weight;
            channel.weight = channel.sign * share;
            let is_same = channel.weight.to_bits() == channel.weight_before.to_bits();
            self.is_changing |= !is_same && !is_first;
        }
        let is_dead = |channel: &Channel| channel.energy < DEAD_SHARE * lead.energy;
        let fault = if is_opposite {
            Some(ChannelFault::Opposite)
        } else if self.channels.iter().any(is_dead) {
            Some(ChannelFault::Dead)
        } else {
            None
        };
        if self.is_audible() && self.audible_frames >= self.rate_hz * PATIENCE_S {
            self.fault = fault;
        }
    }
}

#[cfg(test)]
mod tests;

use super::*;

const RATE_HZ: f32 = 16_000.0;

/// Bursts of something like a voice, with pauses.
fn voice(count: usize) -> Vec<f32> {
    let sample = |k: usize| {
        let at = k as f32 / RATE_HZ;
        let loud = if (k / 8000) % 3 == 2 { 0.0005 } else { 0.3 };
        loud * ((at * 800.0).sin() + 0.5 * (at * 3300.0).sin())
    };
    (0..count).map(sample).collect()
}

fn noise(count: usize, level: f32, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| level * next()).collect()
}

fn mixed(channels: &[Vec<f32>], block: usize) -> (Vec<f32>, Option<ChannelFault>) {
    let frames: Vec<f32> = (0..channels[0].len())
        .flat_map(|k| channels.iter().map(move |channel| channel[k]))
        .collect();
    let (mut mixer, mut out) = (ChannelMixer::new(channels.len(), RATE_HZ, 1.0), Vec::new());
    for frames in frames.chunks(block * channels.len()) {
        mixer.mix(frames, &mut out);
    }
    (out, mixer.fault())
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
}

fn scaled(samples: &[f32], by: f32) -> Vec<f32> {
    samples.iter().map(|x| x * by).collect()
}

#[test]
fn alike_channels_come_out_as_they_are() {
    let voice = voice(48_000);
    for channels in [1, 2, 4] {
        let (out, fault) = mixed(&vec![voice.clone(); channels], 1600);
        assert_eq!((out == voice, fault), (true, None), "{channels}");
    }
    let (mut mixer, mut out) = (ChannelMixer::new(2, RATE_HZ, 32_768.0), Vec::new());
    mixer.mix(&[7_i16, 7, i16::MIN, i16::MIN, i16::MAX, i16::MAX], &mut out);
    assert_eq!(out, [7.0, -32_768.0, 32_767.0]);
}

#[test]
fn opposite_channels_are_no_silence() {
    let voice = voice(64_000);
    for (gain, block) in [(-1.0, 1600), (-0.7, 4096), (-1.3, 160)] {
        let (out, fault) = mixed(&[voice.clone(), scaled(&voice, gain)], block);
        let expected = (1.0 + gain.abs()) / 2.0;
        let level = rms(&out) / rms(&voice);
        assert!((level / expected - 1.0).abs() < 0.01, "{gain}: {level}");
        assert_eq!(fault, Some(ChannelFault::Opposite));
    }
}

#[test]
fn a_dead_channel_costs_nothing() {
    let voice = voice(64_000);
    let dead = [vec![0.0; 64_000], noise(64_000, 0.0002, 3)];
    for dead in dead {
        for channels in [vec![voice.clone(), dead.clone()], vec![dead, voice.clone()]] {
            let (out, fault) = mixed(&channels, 1600);
            assert!((rms(&out) / rms(&voice) - 1.0).abs() < 0.01, "{}", rms(&out));
            assert_eq!(fault, Some(ChannelFault::Dead));
        }
    }
}

#[test]
fn two_speakers_on_two_channels_are_no_fault_and_both_are_mixed_in() {
    let voice = voice(32_000);
    let far = scaled(&voice, 0.05);
    let left = [voice.clone(), far.clone()].concat();
    let right = [far, voice.clone()].concat();
    let (out, fault) = mixed(&[left, right], 1600);
    assert_eq!(fault, None);
    for half in out.chunks(32_000) {
        assert!(rms(half) > 0.5 * rms(&voice), "{} of {}", rms(half), rms(&voice));
    }
}

#[test]
fn microphones_apart_are_averaged_and_silence_is_no_fault() {
    let (left, right) = (noise(48_000, 0.1, 1), noise(48_000, 0.1, 2));
    let (out, fault) = mixed(&[left.clone(), right.clone()], 1600);
    let mean: Vec<f32> = left.iter().zip(&right).map(|(l, r)| 0.5 * l + 0.5 * r).collect();
    assert_eq!((out == mean, fault), (true, None));
    let (_, fault) = mixed(&[noise(48_000, 0.0002, 1), vec![0.0; 48_000]], 1600);
    assert_eq!(fault, None, "too quiet to judge");
}

#[test]
fn a_change_is_faded_in() {
    let tone: Vec<f32> = (0..32_000).map(|k| 0.3 * (k as f32 * 0.05).sin()).collect();
    // The second channel dies in the midst.
    let mut dying = tone.clone();
    dying[16_000..].fill(0.0);
    let (out, _) = mixed(&[tone.clone(), dying], 1600);
    // From the moment of its death on, which no mixer can hide.
    let steps = out[16_001..].windows(2).map(|pair| (pair[1] - pair[0]).abs());
    assert!(steps.fold(0.0, f32::max) < 0.02);
    let tail = 32_000 - 1600..32_000;
    assert!(rms(&out[tail.clone()]) > 0.4 * rms(&tone[tail]));
}

//! The microphone's loop over the `alsa` crate over alsa-lib and the plugin.

use std::{f64::consts::PI, time::Instant};

use boothd::{
    capture::{
        microphone::{Microphone, MicrophoneConfig},
        pcm::AlsaOpener,
        segmenter::SegmentConfig,
    },
    media::{ChannelFault, Segment},
};
use rustix::time::{ClockId, clock_gettime};

use super::{
    Duration, Live, ROOM,
    doubles::{Booth, in_booth},
};

/// Of a length that no segment divides, so that a wrong sample shows wherever it is.
const LOOP_SAMPLES: i16 = 30_011;

/// Plugs a microphone in that counts: each sample is one more than the one before.
fn plug_in(booth: &Booth) {
    booth.sound("sound.raw", &(0..LOOP_SAMPLES).collect::<Vec<_>>());
    booth.microphone(&[]);
}

fn open(device: &str) -> Live<Segment> {
    let half = Duration::from_millis(500);
    let segments = SegmentConfig { length: half, hop: half };
    let config = MicrophoneConfig { device: device.to_owned(), segments };
    Live::start("microphone", move |context, sender| {
        let microphone = Microphone::new(config, Box::new(AlsaOpener), context);
        microphone.run(&move |segment| sender.try_send(segment).expect(ROOM));
    })
}

fn follows(before: i16, after: i16) -> bool {
    (before + 1) % LOOP_SAMPLES == after
}

fn is_unbroken(samples: &[i16]) -> bool {
    samples.windows(2).all(|w| follows(w[0], w[1]))
}

fn last(segment: &Segment) -> i16 {
    segment.samples[segment.samples.len() - 1]
}

#[test]
fn sound_arrives_sample_by_sample_in_real_time() {
    in_booth("microphone::sound_arrives_sample_by_sample_in_real_time", |booth| {
        plug_in(booth);
        let half = Duration::from_millis(500);
        let segments = SegmentConfig { length: half, hop: half };
        let config = MicrophoneConfig { device: "mic".to_owned(), segments };
        let live = Live::start("microphone", move |context, sender| {
            let microphone = Microphone::new(config, Box::new(AlsaOpener), context);
            microphone.run(&move |segment: Segment| {
                let cpu = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
                sender.try_send((segment, cpu)).unwrap();
            });
        });
        let received: Vec<_> = (0..7).map(|_| live.next()).collect();
        let all: Vec<i16> =
            received.iter().flat_map(|(segment, _)| segment.samples.clone()).collect();
        assert_eq!(all.len(), 7 * 8000);
        assert_eq!(all[0], 0);
        assert!(is_unbroken(&all));
        let whole = received[6].0.captured_at - received[0].0.captured_at;
        assert!(whole.abs_diff(Duration::from_secs(3)).as_millis() < 150, "{whole:?}");
        let cpu = received[6].1 - received[0].1;
        let percent = 100.0 * cpu.as_secs_f64() / whole.as_secs_f64();
        println!("MEASURED microphone loop, plugin included: {percent:.2} % of a core");
        let status = live.finish();
        assert_eq!((status.overruns_total, status.restarts_total), (0, 0));
        assert_eq!(status.source.as_deref(), Some("mic, 16000 Hz mono"));
    });
}

#[test]
fn stereo_at_48_khz_is_converted_by_plug() {
    in_booth("microphone::stereo_at_48_khz_is_converted_by_plug", |booth| {
        #[allow(clippy::cast_possible_truncation, reason = "an amplitude of 8000 fits")]
        let sine =
            |i: u32| (8000.0 * (2.0 * PI * 440.0 * f64::from(i) / 48_000.0).sin()) as i16;
        let stereo: Vec<i16> = (0..48_000).flat_map(|i| [sine(i), sine(i)]).collect();
        booth.sound("sound48.raw", &stereo);
        booth.microphone(&[]);
        let live = open("mic48");
        live.next();
        let samples = live.next().samples;
        assert_eq!(samples.len(), 8000);
        // 440 Hz rise each 36.4 samples, wherever a period begins or ends.
        let rises = samples.windows(2).enumerate().filter(|(_, w)| w[0] < 0 && w[1] >= 0);
        let rises: Vec<usize> = rises.map(|(at, _)| at).collect();
        let apart: Vec<usize> = rises.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(apart.iter().all(|apart| (36..=37).contains(apart)), "{apart:?}");
        let power: f64 = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 8000.0;
        let expected = 8000.0 / 2.0_f64.sqrt();
        assert!((power.sqrt() / expected - 1.0).abs() < 0.02, "{}", power.sqrt());
        live.finish();
    });
}

/// Plays one second of a sine at 48 kHz whose right channel is `gain` times the left one; gives
/// the level of what arrives beside the sine's, and the fault of the channels.
fn level_of(booth: &Booth, gain: f64) -> (f64, Option<ChannelFault>) {
    let sine = |i: u32| 8000.0 * (2.0 * PI * 440.0 * f64::from(i) / 48_000.0).sin();
    #[allow(clippy::cast_possible_truncation, reason = "an amplitude of 8000 fits")]
    let stereo = (0..48_000).flat_map(|i| [sine(i) as i16, (gain * sine(i)) as i16]);
    booth.sound("sound48.raw", &stereo.collect::<Vec<_>>());
    booth.microphone(&[]);
    let live = open("mic48");
    let segment = (0..3).fold(live.next(), |_, _| live.next());
    live.finish();
    let power: f64 =
        segment.samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 8000.0;
    (power.sqrt() / (8000.0 / 2.0_f64.sqrt()), segment.channel_fault)
}

#[test]
fn channels_that_cancel_each_other_or_are_dead_cost_no_level() {
    in_booth(
        "microphone::channels_that_cancel_each_other_or_are_dead_cost_no_level",
        |booth| {
            for (gain, expected) in [
                (-1.0, Some(ChannelFault::Opposite)),
                (0.0, Some(ChannelFault::Dead)),
                (1.0, None),
            ] {
                let (level, fault) = level_of(booth, gain);
                assert!((level - 1.0).abs() < 0.02, "{gain}: {level}");
                assert_eq!(fault, expected, "{gain}");
            }
        },
    );
}

#[test]
fn auto_finds_the_default_device() {
    in_booth("microphone::auto_finds_the_default_device", |booth| {
        plug_in(booth);
        let live = open("auto");
        assert!(is_unbroken(&live.next().samples));
        assert_eq!(live.finish().source.as_deref(), Some("default, 16000 Hz mono"));
    });
}

#[test]
fn a_microphone_that_comes_back_is_used_within_three_seconds() {
    in_booth(
        "microphone::a_microphone_that_comes_back_is_used_within_three_seconds",
        |booth| {
            plug_in(booth);
            let live = open("mic");
            let before = live.next();
            booth.unplug_microphone();
            let noticed = live.wait_for_error("microphone mic, 16000 Hz mono is not there");
            assert!(noticed < Duration::from_secs(1), "{noticed:?}");
            std::thread::sleep(Duration::from_millis(2500));
            live.forget_pending();
            let returned = Instant::now();
            booth.microphone(&[]);
            let after = live.next();
            let took = returned.elapsed();
            println!("MEASURED microphone unplug noticed in {noticed:?}");
            println!("MEASURED microphone back to first 500 ms segment {took:?}");
            assert!(took < Duration::from_secs(3), "{took:?}");
            assert!(after.sequence > before.sequence);
            assert_eq!(after.new_samples, after.samples.len());
            assert!(is_unbroken(&after.samples));
            assert_eq!(live.finish().restarts_total, 1);
        },
    );
}

#[test]
fn lost_samples_are_counted_and_no_segment_spans_them() {
    in_booth("microphone::lost_samples_are_counted_and_no_segment_spans_them", |booth| {
        plug_in(booth);
        let live = open("mic");
        let mut before = live.next();
        for (losses, line) in [(1, "xruns=1"), (2, "xruns=2"), (3, "xruns=2\nsuspends=1")] {
            booth.microphone(&[line]);
            live.wait_for(line, |status| status.overruns_total >= losses);
            loop {
                let segment = live.next();
                assert!(is_unbroken(&segment.samples), "{line}");
                let is_after_loss = !follows(last(&before), segment.samples[0]);
                before = segment;
                if is_after_loss {
                    break;
                }
            }
        }
        let status = live.finish();
        assert_eq!((status.overruns_total, status.restarts_total), (3, 0));
    });
}

#[test]
fn a_stuck_microphone_is_noticed_within_three_seconds_and_opened_again() {
    in_booth(
        "microphone::a_stuck_microphone_is_noticed_within_three_seconds_and_opened_again",
        |booth| {
            plug_in(booth);
            let live = open("mic");
            live.next();
            booth.microphone(&["fault=stuck"]);
            let noticed = live.wait_for_error("sent no samples for 2200 ms");
            println!("MEASURED stuck microphone noticed in {noticed:?}");
            assert!(noticed < Duration::from_secs(3), "{noticed:?}");
            booth.microphone(&[]);
            live.forget_pending();
            live.next();
            booth.microphone(&["fault=stuck"]);
            live.finish();
        },
    );
}

#[test]
fn a_microphone_that_is_not_there_is_waited_for_and_stop_is_obeyed() {
    in_booth(
        "microphone::a_microphone_that_is_not_there_is_waited_for_and_stop_is_obeyed",
        |booth| {
            for (device, error) in [
                ("mic", "microphone mic is not there"),
                ("hw:7,0", "microphone plughw:7,0 is not there"),
                ("auto", "microphone default is not there"),
            ] {
                let live = open(device);
                live.wait_for_error(error);
                live.finish();
            }
            let live = open("mic");
            live.wait_for_error("is not there");
            plug_in(booth);
            live.next();
            live.finish();
        },
    );
}

use std::io::Cursor;

use hound::{Sample, SampleFormat, WavSpec, WavWriter};

use super::*;

fn wav<S: Sample + Copy>(
    channels: u16,
    rate: u32,
    bits_per_sample: u16,
    sample_format: SampleFormat,
    s: &[S],
) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample, sample_format };
    let mut writer = WavWriter::new(&mut file, spec).unwrap();
    s.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    file.into_inner()
}

fn read_all(bytes: &[u8]) -> Result<Vec<i16>> {
    let (mut reader, mut all) = (WavReader::new(bytes)?, Vec::new());
    let mut block = [0; 1000];
    loop {
        let count = reader.read(&mut block)?;
        all.extend_from_slice(&block[..count]);
        if count < block.len() {
            return Ok(all);
        }
    }
}

const INT: SampleFormat = SampleFormat::Int;

#[test]
fn our_own_format_comes_out_bit_by_bit() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    assert_eq!(read_all(&wav(1, 16_000, 16, INT, &samples)).unwrap(), samples);
}

#[test]
fn every_width_means_the_same_loudness() {
    let half = |bits: u32| vec![1_i32 << (bits - 2); 100];
    for bits in [8, 16, 24, 32] {
        let bytes = wav(1, 16_000, bits, INT, &half(u32::from(bits)));
        assert_eq!(read_all(&bytes).unwrap(), vec![16_384; 100], "{bits} bit");
    }
    let bytes = wav(1, 16_000, 32, SampleFormat::Float, &[0.5_f32, 2.0, -2.0]);
    assert_eq!(read_all(&bytes).unwrap(), [16_384, i16::MAX, i16::MIN]);
}

#[test]
fn channels_are_averaged_and_rates_converted() {
    let stereo: Vec<i16> = [1000, 3000].repeat(48_000);
    let mono = read_all(&wav(2, 48_000, 16, INT, &stereo)).unwrap();
    assert_eq!(mono.len(), 16_000);
    assert!(mono[100..15_900].iter().all(|&sample| sample == 2000));
}

#[test]
fn channels_that_cancel_each_other_or_are_dead_are_no_silence() {
    let loud = |k: i32| i16::try_from((k * 37 % 200 - 100) * 100).unwrap();
    let mono: Vec<i16> = (0..48_000).map(loud).collect();
    for (gain, fault) in [(-1, ChannelFault::Opposite), (0, ChannelFault::Dead)] {
        let stereo: Vec<i16> = mono.iter().flat_map(|left| [*left, gain * left]).collect();
        let bytes = wav(2, 16_000, 16, INT, &stereo);
        assert_eq!(read_all(&bytes).unwrap(), mono, "{gain}");
        let mut reader = WavReader::new(&*bytes).unwrap();
        reader.read(&mut vec![0; 48_000]).unwrap();
        assert_eq!(reader.channel_fault(), Some(fault));
    }
}

#[test]
fn a_file_that_was_cut_gives_what_it_has() {
    let mut bytes = wav(1, 16_000, 16, INT, &[7_i16; 5000]);
    bytes.truncate(bytes.len() - 2001);
    assert_eq!(read_all(&bytes).unwrap(), vec![7; 3999]);
}

#[test]
fn more_valid_bits_than_bits_mean_nothing() {
    // Found by the fuzzer: 96 of 24; libsndfile reads as much.
    let wide = include_bytes!("../../../fuzz/corpus/wav/96_bits");
    assert!(!read_all(wide).unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_is_refused() {
    let nan = wav(1, 16_000, 32, SampleFormat::Float, &[0.1, f32::NAN]);
    let mut silent = wav(1, 16_000, 16, INT, &[0_i16; 9]);
    silent[22] = 0; // The number of channels.
    for bytes in [silent, nan, b"RIFF".to_vec(), vec![], wav(1, 1, 16, INT, &[0_i16])] {
        assert_eq!(read_all(&bytes).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

//! The metrics of a voice, over a segment of 3 s or in the light of those before.

use super::{Metric, Needs, Stored, catalog};

catalog! {
    /// Every metric of a voice, in the order of the store's columns.
    VOICE,
    /// What is known of a voice now. A report has these fields as they are.
    VoiceValues:

    /// Speech for over 0.3 s of the segment.
    audio_detected: bool {
        needs: Needs::Sound,
        stored: Stored::whole("audio_detected"),
    }
    /// Syllables a minute of speaking time.
    speech_rate: Option<f32> {
        unit: "1/min", range: (0.0, 5000.0), needs: Needs::Syllables,
        stored: Stored::scaled("speech_rate_deci_per_min", 10.0),
        summary: Some("speech_rate"), minute: Some("speech_rate_per_min"),
        home_assistant: Some(("speech_rate", "Speech rate")),
    }
    /// Syllables a second of speaking time.
    articulation_rate: Option<f32> {
        unit: "1/s", range: (0.0, 1000.0), needs: Needs::Syllables,
        stored: Stored::permille("articulation_rate_milli_per_s"),
        summary: Some("articulation_rate"),
    }
    /// Mean fundamental frequency, Hz.
    pitch_mean: Option<f32> {
        unit: "Hz", range: (0.0, 5000.0), needs: Needs::Voice,
        stored: Stored::scaled("pitch_mean_dhz", 10.0),
        summary: Some("pitch_mean"), minute: Some("pitch_mean_hz"),
        home_assistant: Some(("pitch_mean", "Pitch")),
    }
    /// Median of the fundamental frequency, Hz.
    pitch_median: Option<f32> {
        unit: "Hz", range: (0.0, 5000.0), needs: Needs::Voice,
        stored: Stored::scaled("pitch_median_dhz", 10.0),
        summary: Some("pitch_median"),
    }
    /// Variance of the fundamental frequency, Hz².
    pitch_variance: Option<f32> {
        unit: "Hz²", range: (0.0, 1e9), needs: Needs::Voice,
        summary: Some("pitch_variance"),
    }
    /// 95th less 5th percentile of the fundamental frequency, Hz.
    pitch_range: Option<f32> {
        unit: "Hz", range: (0.0, 5000.0), needs: Needs::Voice,
        stored: Stored::scaled("pitch_range_dhz", 10.0),
        summary: Some("pitch_range"),
    }
    /// Linear RMS, 0..1 of full scale; null where there was no sound at all.
    volume_mean: Option<f32> {
        range: (0.0, 10.0), needs: Needs::Sound,
        summary: Some("volume_mean"),
    }
    /// RMS in dB of full scale; null in digital silence.
    volume_dbfs: Option<f32> {
        unit: "dBFS", range: (-200.0, 20.0), needs: Needs::Sound,
        stored: Stored::scaled("volume_cdbfs", 100.0),
        summary: Some("volume_dbfs"), minute: Some("volume_dbfs"),
        home_assistant: Some(("volume", "Volume")),
    }
    /// Share of 1-4 kHz in the voice, scaled down by clipping and noise, 0..1.
    clarity_score: Option<f32> {
        needs: Needs::Voice,
        stored: Stored::permille("clarity_permille"),
        summary: Some("clarity_score"), minute: Some("clarity_ratio"),
        home_assistant: Some(("clarity_score", "Clarity")),
    }
    /// Harmonics-to-noise ratio of the voiced frames (Boersma 1993), dB.
    harmonics_to_noise_db: Option<f32> {
        unit: "dB", range: (-60.0, 60.0), needs: Needs::Voice,
        stored: Stored::scaled("harmonics_to_noise_cdb", 100.0),
        summary: Some("harmonics_to_noise_db"), minute: Some("harmonics_to_noise_db"),
        home_assistant: Some(("harmonics_to_noise", "Harmonics to noise")),
    }
    /// Magnitude-weighted mean frequency of voiced frames, Hz.
    spectral_centroid_hz: Option<f32> {
        unit: "Hz", range: (0.0, 1e6), needs: Needs::Voice,
        stored: Stored::whole("spectral_centroid_hz"),
        summary: Some("spectral_centroid_hz"),
    }
    /// Share of the segment with speech, 0..1.
    speech_ratio: Option<f32> {
        needs: Needs::Sound,
        stored: Stored::permille("speech_ratio_permille"),
        summary: Some("speech_ratio"), minute: Some("speech_ratio"),
        home_assistant: Some(("speech_ratio", "Speech")),
    }
    /// Silences of at least 0.3 s between speech.
    pause_count: Option<u32> {
        range: (0.0, 1000.0), needs: Needs::Pauses,
        stored: Stored::whole("pause_count"),
        summary: Some("pause_count"),
    }
    /// The longest of them, ms.
    longest_pause_ms: Option<f64> {
        unit: "ms", range: (0.0, 1e12), needs: Needs::Pauses,
        stored: Stored::whole("longest_pause_ms"),
        summary: Some("longest_pause_ms"),
    }
    /// Arousal against the speaker's own baseline, -1..1.
    arousal: Option<f32> {
        range: (-1.0, 1.0), needs: Needs::Baseline,
        stored: Stored::permille("arousal_permille"),
        summary: Some("arousal"),
    }
    /// Samples at full scale or, in speech, on flat tops below it, 0..1.
    clipping_ratio: Option<f32> {
        needs: Needs::Sound,
        stored: Stored::permille("clipping_permille"),
        summary: Some("clipping_ratio"), minute: Some("clipping_ratio"),
    }
}

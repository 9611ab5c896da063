//! [`PeakAroundMean`]: the peak of a segment, by which Praat judges silence.

use super::RunningSum;

/// How far the samples of a segment lie from their mean, at most. They may come in pieces, each
/// but the last of a multiple of 16.
#[derive(Clone, Copy, Debug)]
pub(in crate::speech) struct PeakAroundMean {
    sum: RunningSum,
    count: usize,
    least: f32,
    most: f32,
}

impl Default for PeakAroundMean {
    fn default() -> Self {
        let (least, most) = (f32::INFINITY, f32::NEG_INFINITY);
        PeakAroundMean { sum: RunningSum::default(), count: 0, least, most }
    }
}

impl PeakAroundMean {
    pub(in crate::speech) fn push(&mut self, samples: &[f32]) {
        self.sum.push(samples);
        self.count += samples.len();
        // In rows, which a processor compares side by side.
        let (mut least, mut most) = ([self.least; 16], [self.most; 16]);
        for row in samples.chunks(16) {
            for ((sample, least), most) in row.iter().zip(&mut least).zip(&mut most) {
                *least = if *sample < *least { *sample } else { *least };
                *most = if *sample > *most { *sample } else { *most };
            }
        }
        self.least = least.into_iter().fold(self.least, f32::min);
        self.most = most.into_iter().fold(self.most, f32::max);
    }

    /// 0 without samples.
    pub(in crate::speech) fn get(&self) -> f32 {
        if self.count == 0 {
            return 0.0;
        }
        let mean = self.sum.total() / self.count as f32;
        (self.most - mean).abs().max((self.least - mean).abs())
    }
}

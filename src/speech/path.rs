//! The cheapest way through the candidates of successive frames (Viterbi), as Praat has it.

/// Cost of a jump by an octave between two voiced frames.
const OCTAVE_JUMP_COST: f32 = 0.35;
/// Cost of a change between voiced and unvoiced.
pub(super) const VOICING_COST: f32 = 0.14;

/// The pitch of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pitch {
    pub(super) frequency_hz: f32,
    /// Normalised autocorrelation at its period: the share of periodic energy, 0..1.
    pub(super) periodicity: f32,
}

/// A pitch that a frame may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pitch: Pitch,
    octaves: f32,
    /// Periodicity less the octave cost.
    pub(super) strength: f32,
}

impl Candidate {
    pub(super) fn new(pitch: Pitch, octave_cost: f32) -> Self {
        let octaves = pitch.frequency_hz.log2();
        Candidate { pitch, octaves, strength: pitch.periodicity - octave_cost }
    }
}

/// One candidate of a frame, as the way back needs it: long sound has many frames.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// `None`: unvoiced.
    pitch: Option<Pitch>,
    /// The candidate of the frame before that the best path to this one comes from.
    before: u8,
}

/// The best path that ends in a candidate of the newest frame.
#[derive(Clone, Copy, Debug)]
struct End {
    candidate: Option<Candidate>,
    score: f32,
}

/// Collects frames, then solves. Keeps its allocations from segment to segment.
#[derive(Debug, Default)]
pub(super) struct PathFinder {
    nodes: Vec<Node>,
    /// Where each frame's nodes begin.
    starts: Vec<u32>,
    /// Of the newest frame.
    ends: Vec<End>,
    /// Of the frame before, while a frame is added.
    ends_before: Vec<End>,
}

impl PathFinder {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.starts.clear();
        self.ends.clear();
        self.ends_before.clear();
    }

    /// Adds a frame: the strength of "unvoiced" and up to 255 voiced candidates.
    pub(super) fn push(&mut self, unvoiced_strength: f32, candidates: &[Candidate]) {
        std::mem::swap(&mut self.ends, &mut self.ends_before);
        self.ends.clear();
        self.starts.push(u32::try_from(self.nodes.len()).expect("a minute has 90,000 nodes"));
        let voiced = candidates.iter().map(|candidate| (Some(*candidate), candidate.strength));
        for (candidate, strength) in std::iter::once((None, unvoiced_strength)).chain(voiced) {
            let (mut score, mut from) = (f32::NEG_INFINITY, 0);
            for (index, end) in (0..).zip(&self.ends_before) {
                let reached = end.score - transition_cost(end.candidate, candidate);
                if reached > score {
                    (score, from) = (reached, index);
                }
            }
            let is_first = self.ends_before.is_empty();
            let score = if is_first { strength } else { score + strength };
            self.ends.push(End { candidate, score });
            let pitch = candidate.map(|candidate| candidate.pitch);
            self.nodes.push(Node { pitch, before: from });
        }
    }

    /// Writes the best path's pitch of each frame into `out`.
    pub(super) fn solve(&self, out: &mut Vec<Option<Pitch>>) {
        out.clear();
        let best = (0..self.ends.len())
            .max_by(|a, b| self.ends[*a].score.total_cmp(&self.ends[*b].score));
        let Some(mut index) = best else { return };
        for start in self.starts.iter().rev() {
            let node = &self.nodes[*start as usize + index];
            out.push(node.pitch);
            index = node.before.into();
        }
        out.reverse();
    }
}

fn transition_cost(from: Option<Candidate>, to: Option<Candidate>) -> f32 {
    match (from, to) {
        (None, None) => 0.0,
        (Some(from), Some(to)) => OCTAVE_JUMP_COST * (from.octaves - to.octaves).abs(),
        _ => VOICING_COST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(frames: &[(f32, &[(f32, f32)])]) -> Vec<Option<f32>> {
        let mut path = PathFinder::default();
        for (unvoiced, voiced) in frames {
            let candidate = |&(frequency_hz, periodicity): &(f32, f32)| {
                Candidate::new(Pitch { frequency_hz, periodicity }, 0.0)
            };
            let candidates: Vec<Candidate> = voiced.iter().map(candidate).collect();
            path.push(*unvoiced, &candidates);
        }
        let mut out = Vec::new();
        path.solve(&mut out);
        out.into_iter().map(|pitch| pitch.map(|pitch| pitch.frequency_hz)).collect()
    }

    #[test]
    fn a_lone_octave_jump_is_smoothed_away() {
        let both: &[(f32, f32)] = &[(100.0, 0.9), (200.0, 0.85)];
        let jumpy: &[(f32, f32)] = &[(100.0, 0.8), (200.0, 0.85)];
        let hz = solve(&[(0.45, both), (0.45, jumpy), (0.45, both)]);
        assert_eq!(hz, [Some(100.0); 3]);
    }

    #[test]
    fn weak_candidates_lose_to_silence_and_an_empty_path_is_empty() {
        assert_eq!(solve(&[(0.45, &[(100.0, 0.3)]), (0.45, &[])]), [None, None]);
        assert_eq!(solve(&[]), []);
    }
}

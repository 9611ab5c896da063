//! The cheapest way through the candidates of successive frames (Viterbi), as Praat has it.

/// Cost of a jump by an octave between two voiced frames.
const OCTAVE_JUMP_COST: f32 = 0.35;
/// Cost of a change between voiced and unvoiced.
pub(super) const VOICING_COST: f32 = 0.14;

/// A period that a frame may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    frequency_hz: f32,
    octaves: f32,
    /// Correlation less the octave cost.
    pub(super) strength: f32,
}

impl Candidate {
    pub(super) fn new(frequency_hz: f32, strength: f32) -> Self {
        Candidate { frequency_hz, octaves: frequency_hz.log2(), strength }
    }
}

/// A candidate with the best score of a path that ends in it, and where that came from.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// `None`: unvoiced.
    candidate: Option<Candidate>,
    score: f32,
    before: usize,
}

/// Collects frames, then solves. Keeps its allocations from segment to segment.
#[derive(Debug, Default)]
pub(super) struct PathFinder {
    nodes: Vec<Node>,
    /// Where each frame's nodes begin.
    starts: Vec<usize>,
}

impl PathFinder {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.starts.clear();
    }

    /// Adds a frame: the strength of "unvoiced" and the voiced candidates.
    pub(super) fn push(&mut self, unvoiced_strength: f32, candidates: &[Candidate]) {
        let before = self.starts.last().copied().unwrap_or(0)..self.nodes.len();
        self.starts.push(self.nodes.len());
        let voiced = candidates.iter().map(|candidate| (Some(*candidate), candidate.strength));
        for (candidate, strength) in std::iter::once((None, unvoiced_strength)).chain(voiced) {
            let (mut score, mut from) = (f32::NEG_INFINITY, 0);
            for index in before.clone() {
                let node = &self.nodes[index];
                let reached = node.score - transition_cost(node.candidate, candidate);
                if reached > score {
                    (score, from) = (reached, index);
                }
            }
            let score = if before.is_empty() { strength } else { score + strength };
            self.nodes.push(Node { candidate, score, before: from });
        }
    }

    /// Writes the best path's frequencies, one a frame, into `out`.
    pub(super) fn solve(&self, out: &mut Vec<Option<f32>>) {
        out.clear();
        let Some(last) = self.starts.last() else { return };
        let mut index = (*last..self.nodes.len())
            .max_by(|a, b| self.nodes[*a].score.total_cmp(&self.nodes[*b].score))
            .expect("each frame has its unvoiced node");
        for _ in &self.starts {
            let node = &self.nodes[index];
            out.push(node.candidate.map(|candidate| candidate.frequency_hz));
            index = node.before;
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
            let candidates: Vec<Candidate> =
                voiced.iter().map(|(hz, strength)| Candidate::new(*hz, *strength)).collect();
            path.push(*unvoiced, &candidates);
        }
        let mut out = Vec::new();
        path.solve(&mut out);
        out
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

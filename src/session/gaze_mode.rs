//! Where a person looks most of the time.
//!
//! Everybody's eyes sit a little differently in their corners, which shifts what is read of one
//! person's gaze by the same few degrees all the time. Who talks to a booth looks at it most of the
//! time, so the place that is looked at most shows the shift. The counts live as long as the person
//! is followed, in memory only.

use std::time::Duration;

use super::{direction::Direction, window::MAX_GAP};
use crate::vision::Gaze;

/// Side of a cell, degrees.
const CELL_DEG: f32 = 2.0;
/// Cells on a side: 30 degrees either way.
const CELLS: usize = 31;
/// Two cells away still count as the same place.
const NEAR: usize = 2;
/// Readings less sure than this are left out.
const MIN_CONFIDENCE: f32 = 0.4;
/// Readings that a mode needs, however long it was looked.
const MIN_READINGS: usize = 3;

/// Time by direction of the gaze.
///
/// The densest place is known at any time: a reading only adds to the 25 places around its cell, so
/// no frame searches all 961.
#[derive(Debug)]
pub(super) struct GazeMode {
    /// Seconds of each cell, row by row.
    cells: Vec<f32>,
    /// Seconds within [`NEAR`] cells of each cell.
    places: Vec<f32>,
    /// Column and row of the largest of the `places`.
    densest: [usize; 2],
    total: f32,
    readings: usize,
    last: Option<Duration>,
}

impl Default for GazeMode {
    fn default() -> Self {
        let empty = vec![0.0; CELLS * CELLS];
        GazeMode {
            places: empty.clone(),
            cells: empty,
            densest: [0; 2],
            total: 0.0,
            readings: 0,
            last: None,
        }
    }
}

impl GazeMode {
    /// Counts a reading for the time since the one before.
    pub(super) fn push(&mut self, at: Duration, gaze: Gaze) {
        let since = self.last.map_or(Duration::ZERO, |last| at.saturating_sub(last));
        self.last = Some(at);
        let place = [gaze.yaw_deg, gaze.pitch_deg].map(cell);
        if let [Some(column), Some(row)] = place
            && gaze.confidence >= MIN_CONFIDENCE
        {
            let seconds = since.min(MAX_GAP).as_secs_f32();
            self.add([column, row], seconds);
            self.total += seconds;
            self.readings += 1;
        }
    }

    /// Adds time to a cell and to the places around it.
    fn add(&mut self, cell: [usize; 2], seconds: f32) {
        self.cells[index(cell)] += seconds;
        for place in around(cell) {
            self.places[index(place)] += seconds;
            if self.places[index(place)] > self.places[index(self.densest)] {
                self.densest = place;
            }
        }
    }

    /// The mode and the share of the time that was spent near it, once `enough` was seen.
    pub(super) fn mode(&self, enough: Duration) -> Option<(Direction, f32)> {
        if self.total < enough.as_secs_f32() || self.readings < MIN_READINGS {
            return None;
        }
        let (mut time, mut yaw, mut pitch) = (0.0, 0.0, 0.0);
        for [column, row] in around(self.densest) {
            let here = self.cells[index([column, row])];
            time += here;
            yaw += here * middle_deg(column);
            pitch += here * middle_deg(row);
        }
        let mode = Direction { yaw_deg: yaw / time, pitch_deg: pitch / time };
        (time > 0.0).then_some((mode, time / self.total))
    }
}

/// Where a cell lies in the table.
fn index([column, row]: [usize; 2]) -> usize {
    row * CELLS + column
}

/// The cells within [`NEAR`] of one.
fn around([column, row]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    let near = |at: usize| at.saturating_sub(NEAR)..(at + NEAR + 1).min(CELLS);
    near(row).flat_map(move |row| near(column).map(move |column| [column, row]))
}

/// The cell of an angle, if it has one.
fn cell(deg: f32) -> Option<usize> {
    (0..CELLS).find(|&cell| (deg - middle_deg(cell)).abs() <= CELL_DEG / 2.0)
}

fn middle_deg(cell: usize) -> f32 {
    (cell as f32 - (CELLS / 2) as f32) * CELL_DEG
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaze(yaw_deg: f32, pitch_deg: f32) -> Gaze {
        Gaze { yaw_deg, pitch_deg, confidence: 1.0 }
    }

    #[test]
    fn the_mode_is_where_most_time_was_spent_not_the_mean() {
        let mut mode = GazeMode::default();
        for second in 0..30 {
            let there = if second % 3 == 2 { gaze(-25.0, -20.0) } else { gaze(4.0, 6.0) };
            mode.push(Duration::from_secs(second), there);
        }
        let (found, share) = mode.mode(Duration::from_secs(10)).expect("30 s were seen");
        assert!((found.yaw_deg - 4.0).abs() < 1.0 && (found.pitch_deg - 6.0).abs() < 1.0);
        assert!((share - 0.67).abs() < 0.03, "{share}");
    }

    #[test]
    fn little_time_unsure_readings_and_the_far_outside_give_no_mode() {
        let mut mode = GazeMode::default();
        for second in 0..9 {
            mode.push(Duration::from_secs(second), gaze(0.0, 0.0));
        }
        assert_eq!(mode.mode(Duration::from_secs(20)), None);
        let mut mode = GazeMode::default();
        for second in 0..60 {
            mode.push(Duration::from_secs(second), Gaze { confidence: 0.1, ..gaze(0.0, 0.0) });
            mode.push(Duration::from_secs(second), gaze(50.0, 0.0));
        }
        assert_eq!(mode.mode(Duration::from_secs(1)), None);
    }

    #[test]
    fn the_mode_moves_to_a_place_that_overtakes_it_also_at_the_edge() {
        let mut mode = GazeMode::default();
        let mut found = Vec::new();
        for second in 0..40 {
            let there = if second < 12 { gaze(2.0, -8.0) } else { gaze(-30.0, 30.0) };
            mode.push(Duration::from_secs(second), there);
            found.push(mode.mode(Duration::from_secs(10)).map(|(mode, _)| mode));
        }
        let at = |yaw_deg, pitch_deg| Some(Direction { yaw_deg, pitch_deg });
        assert_eq!((found[9], found[11], found[20]), (None, at(2.0, -8.0), at(2.0, -8.0)));
        assert_eq!(found[39], at(-30.0, 30.0));
    }

    #[test]
    fn a_long_absence_is_not_credited() {
        let mut mode = GazeMode::default();
        for second in [0, 1, 2, 100, 101] {
            mode.push(Duration::from_secs(second), gaze(0.0, 0.0));
        }
        assert_eq!(mode.mode(Duration::from_secs(10)), None);
    }
}

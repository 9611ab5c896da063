//! [`PersonWatch`]: whether the face that is followed is still the same person's.
//!
//! boothd identifies no person: it counts them, so that measurements of one person are not reported
//! for the next. The next person begins
//! - after [`ABSENCE`] without a face, or [`UNSEEN`] without a frame,
//! - where a face appears [`JUMP_WIDTHS`] away from where it just was, or takes over,
//! - where the face looks otherwise than the one that was there within that absence, for
//!   [`STRANGE_FOR`].

use std::time::Duration;

use super::{Rect, colour::Chroma, thumbnail::Thumbnail};

/// Who was away for so long may be another. Long enough to pick up a pen, short of what a change
/// of people takes.
const ABSENCE: Duration = Duration::from_secs(5);
/// The same without a single frame, since a paused camera does not see a person leave.
const UNSEEN: Duration = Duration::from_secs(30);
/// Frames further apart than this do not show a jump.
const JUMP_WITHIN: Duration = Duration::from_secs(1);
/// No head moves this many times its width in [`JUMP_WITHIN`].
const JUMP_WIDTHS: f32 = 1.5;
/// A strange frame may be a hand, a blur or a flash.
const STRANGE_FOR: Duration = Duration::from_secs(1);
/// The same, however slowly frames come.
const STRANGE_FRAMES: u32 = 3;
/// Distance of two [`Chroma`] from which they are not the same skin in the same light.
const OTHER_CHROMA: f32 = 0.25;
/// Correlation of two thumbnails under which they do not show the same face.
const OTHER_CORRELATION: f32 = 0.5;

/// What a face looks like, as coarsely as is enough to see that another is there. No identity:
/// of 2,594 pairs of different faces 75 % differ by it (41 % of those in one picture and light).
/// Of pairs of one face none of 1,485 did on the bundled clip, and 19 % of 2,701 on a head scan that
/// is turned and lit by another coloured light in each picture (7 % of those under 25 degrees
/// apart), which is more than happens within [`ABSENCE`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Appearance {
    /// Of cheeks, forehead and nose.
    pub chroma: Chroma,
    /// The upright face, grey.
    pub thumbnail: Thumbnail,
}

impl Appearance {
    fn is_another(&self, other: &Appearance) -> bool {
        let [red, blue] = self.chroma;
        (red - other.chroma[0]).hypot(blue - other.chroma[1]) > OTHER_CHROMA
            && self.thumbnail.correlation(&other.thumbnail) < OTHER_CORRELATION
    }
}

/// The memory of one stream about whose face it followed. Never written anywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonWatch {
    person: u64,
    last: Option<LastLook>,
    missed: bool,
    took_over: bool,
    strange: Option<Strange>,
}

#[derive(Clone, Debug)]
struct LastLook {
    at: Duration,
    bbox: Rect,
    /// The newest that could be compared; never that of a suspected other person.
    appearance: Option<Appearance>,
}

/// Frames in a row that show another face.
#[derive(Clone, Copy, Debug)]
struct Strange {
    since: Duration,
    frames: u32,
}

impl PersonWatch {
    /// A frame without a living face.
    pub(super) fn miss(&mut self) {
        self.missed = true;
    }

    /// The number of the person who was there last.
    pub(super) fn person(&self) -> u64 {
        self.person
    }

    /// Another face is followed from this frame on, though the one before is still there.
    pub(super) fn take_over(&mut self) {
        self.took_over = true;
    }

    /// The number of the person whose face this is; it changes with the person and is never
    /// used again. `appearance` is `None` where the face is turned away or covered.
    pub(super) fn look(
        &mut self,
        at: Duration,
        bbox: Rect,
        appearance: Option<Appearance>,
    ) -> u64 {
        let is_another = self.is_another(at, &bbox, appearance.as_ref());
        (self.missed, self.took_over) = (false, false);
        let before = self.last.take().filter(|_| !is_another).and_then(|last| last.appearance);
        if is_another {
            self.person += 1;
            self.strange = None;
        }
        // The look of a suspected other person does not replace what it is compared with.
        let appearance = if self.strange.is_some() { before } else { appearance.or(before) };
        self.last = Some(LastLook { at, bbox, appearance });
        self.person
    }

    fn is_another(
        &mut self,
        at: Duration,
        bbox: &Rect,
        appearance: Option<&Appearance>,
    ) -> bool {
        let Some(last) = &self.last else { return true };
        if let Some((now, then)) = appearance.zip(last.appearance.as_ref()) {
            let Strange { since, frames } =
                self.strange.unwrap_or(Strange { since: at, frames: 0 });
            let strange = Strange { since, frames: frames + 1 };
            self.strange = now.is_another(then).then_some(strange);
        }
        let stays = |strange: Strange| {
            strange.frames >= STRANGE_FRAMES && at.saturating_sub(strange.since) >= STRANGE_FOR
        };
        let away = at.saturating_sub(last.at);
        away >= if self.missed { ABSENCE } else { UNSEEN }
            || self.took_over
            || (away <= JUMP_WITHIN && has_jumped(bbox, &last.bbox))
            || self.strange.is_some_and(stays)
    }
}

fn has_jumped(now: &Rect, then: &Rect) -> bool {
    let (a, b) = (now.centre(), then.centre());
    now.iou(then) <= 0.0
        && (a.x - b.x).hypot(a.y - b.y) >= JUMP_WIDTHS * now.width.max(then.width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32) -> Rect {
        Rect { x, y: 100.0, width: 80.0, height: 100.0 }
    }

    /// A face whose thumbnail has `bars` and whose skin is `red`.
    fn looks(bars: usize, red: f32) -> Option<Appearance> {
        let thumbnail =
            Thumbnail::of(|i| if (i / bars).is_multiple_of(2) { 60.0 } else { 140.0 });
        Some(Appearance { chroma: [red, -0.3], thumbnail })
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_short_absence_is_the_same_person_and_a_long_one_is_not() {
        let mut watch = PersonWatch::default();
        let look = |watch: &mut PersonWatch, ms| watch.look(at(ms), face(100.0), looks(8, 0.6));
        assert_eq!((look(&mut watch, 0), look(&mut watch, 500)), (1, 1));
        watch.miss();
        assert_eq!(look(&mut watch, 5400), 1, "4.9 s without a face");
        watch.miss();
        assert_eq!(look(&mut watch, 10_400), 2, "5 s without a face");
        assert_eq!(look(&mut watch, 35_400), 2, "25 s without a frame");
        assert_eq!(look(&mut watch, 65_400), 3, "30 s without a frame");
        assert_eq!(look(&mut watch, 100), 3, "time that went back");
    }

    #[test]
    fn a_jump_or_a_take_over_is_another_and_a_quick_lean_is_not() {
        let mut watch = PersonWatch::default();
        let look = |watch: &mut PersonWatch, ms, x| watch.look(at(ms), face(x), looks(8, 0.6));
        assert_eq!(look(&mut watch, 0, 100.0), 1);
        assert_eq!(look(&mut watch, 500, 200.0), 1, "a face's width and a quarter");
        assert_eq!(look(&mut watch, 1000, 330.0), 2, "one and a half");
        assert_eq!(look(&mut watch, 3500, 100.0), 2, "there was time to move");
        watch.take_over();
        assert_eq!(look(&mut watch, 4000, 100.0), 3);
        assert_eq!(look(&mut watch, 4500, 100.0), 3);
    }

    #[test]
    fn another_look_counts_once_it_stays() {
        let mut watch = PersonWatch::default();
        let mut now = 0;
        let mut look = |appearance| {
            now += 500;
            watch.look(at(now), face(100.0), appearance)
        };
        let (one, other) = (looks(8, 0.6), looks(64, 1.0));
        assert_eq!([one, other, one, other, other].map(&mut look), [1; 5]);
        assert_eq!([other, other, one, one].map(&mut look), [2; 4]);
        assert_eq!([one, one].map(&mut look), [3, 3]);
        // A face that is turned away for a while is compared when it is back.
        assert_eq!([None, None, None, None, one].map(&mut look), [3; 5]);
        // Another light on the same face, and another face in the same light, are not distinguished.
        assert_eq!([looks(8, 1.0); 5].map(&mut look), [3; 5]);
        assert_eq!([looks(64, 1.0); 5].map(&mut look), [3; 5]);
    }
}

//! The description of an MP4's sound: once in `moov`, and of each fragment's packets in `moof`.

use std::collections::VecDeque;

use super::{LARGEST_PACKET_BYTES, damaged, not_in_fragments};
use crate::{
    decode::packets::{AacTrack, OpusTrack, Track},
    error::{Error, ErrorKind, Result},
};

/// Packets of one fragment: a minute and a half of AAC.
const MOST_SAMPLES: usize = 4096;

/// What later fragments need of `moov`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movie {
    track_id: u32,
    /// Units of time a second.
    timescale: u32,
    defaults: Defaults,
}

/// Values for packets that state none of their own (`trex`, `tfhd`).
#[derive(Clone, Copy, Debug, Default)]
struct Defaults {
    duration: u32,
    bytes: u32,
}

/// A packet in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sample {
    /// The position of its first byte.
    pub(super) from: u64,
    pub(super) bytes: u32,
    /// When it begins, in µs; `None` where the fragment does not state it.
    pub(super) at_us: Option<i64>,
}

/// A track that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Draft {
    id: u32,
    timescale: u32,
    is_sound: bool,
    /// In units of time: what the encoder put before the sound.
    skip: u64,
    codec: Option<Codec>,
}

#[derive(Clone, Copy, Debug)]
enum Codec {
    Opus(OpusTrack),
    Aac(AacTrack),
    /// Its four letters.
    Other([u8; 4]),
}

/// Reads numbers off the front of a box; `None` at its end.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The version and the flags of a full box.
    fn version(&mut self) -> Option<(u8, u32)> {
        let [version, a, b, c] = self.array()?;
        Some((version, u32::from_be_bytes([0, a, b, c])))
    }

    /// A number of 64 bits, or of 32 in version 0.
    fn long(&mut self, version: u8) -> Option<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}

/// The boxes directly inside `body`; what is no box at its end is left out, as some writers pad.
fn children(mut body: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let ([a, b, c, d, kind @ ..], _) = body.split_first_chunk::<8>()?;
        let bytes = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
        let inside = body.get(8..bytes)?;
        body = &body[bytes..];
        Some((kind, inside))
    })
}

fn child<'a>(body: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(body).find(|(id, _)| *id == kind).map(|(_, inside)| inside)
}

impl Movie {
    /// Reads a `moov`: what later fragments need, and the track of the sound.
    ///
    /// # Errors
    /// `InvalidInput` when it has no sound that is decoded here, or is not for fragments.
    pub(super) fn read(moov: &[u8]) -> Result<(Self, Track)> {
        let tracks = children(moov).filter(|(id, _)| *id == b"trak");
        let tracks: Vec<Draft> = tracks.filter_map(|(_, trak)| Draft::read(trak)).collect();
        let sounds = || tracks.iter().filter(|track| track.is_sound);
        let is_known = |track: &&Draft| !matches!(track.codec, None | Some(Codec::Other(_)));
        let Some(found) = sounds().find(is_known) else {
            return Err(no_sound(sounds().find_map(|track| track.codec)));
        };
        let Some(mvex) = child(moov, b"mvex") else { return Err(not_in_fragments()) };
        if found.timescale == 0 {
            return Err(damaged("a track without a unit of time"));
        }
        let defaults = children(mvex)
            .filter(|(id, _)| *id == b"trex")
            .find_map(|(_, trex)| Defaults::read(trex, found.id));
        let defaults = defaults.unwrap_or_default();
        let movie = Movie { track_id: found.id, timescale: found.timescale, defaults };
        let track = match found.codec {
            Some(Codec::Opus(track)) => Track::Opus(track),
            Some(Codec::Aac(track)) => {
                let skip_us = found.skip.saturating_mul(1_000_000) / u64::from(found.timescale);
                // An encoder's delay is some tenths of a second; more is an edit, not a delay.
                let skip_us = u32::try_from(skip_us).ok().filter(|us| *us < 500_000);
                Track::Aac(AacTrack { skip_us: skip_us.unwrap_or(0), ..track })
            }
            Some(Codec::Other(_)) | None => unreachable!("it was looked for"),
        };
        Ok((movie, track))
    }

    /// Reads a `moof` that stands in the file from `from` to `end`: the packets of the sound.
    ///
    /// # Errors
    /// `InvalidInput` when it is damaged or has over [`MOST_SAMPLES`] packets.
    pub(super) fn fragment(
        &self,
        moof: &[u8],
        from: u64,
        end: u64,
    ) -> Result<VecDeque<Sample>> {
        let mut samples = VecDeque::new();
        for (_, traf) in children(moof).filter(|(id, _)| *id == b"traf") {
            let mut run = Run { from, end, ..Run::default() };
            let head = child(traf, b"tfhd").and_then(|tfhd| run.head(tfhd, self));
            if head.ok_or_else(|| damaged("a fragment without a whole tfhd"))? != self.track_id
            {
                continue;
            }
            run.at = child(traf, b"tfdt").and_then(|tfdt| {
                let mut fields = Fields(tfdt);
                let (version, _) = fields.version()?;
                fields.long(version)
            });
            for (_, trun) in children(traf).filter(|(id, _)| *id == b"trun") {
                let read = run.read(trun, self.timescale, &mut samples)?;
                read.ok_or_else(|| damaged("a fragment whose trun is cut"))?;
            }
        }
        // Where a writer has put them in another order, they are read in the file's.
        samples.make_contiguous().sort_by_key(|sample| sample.from);
        Ok(samples)
    }
}

impl Defaults {
    fn read(trex: &[u8], track_id: u32) -> Option<Self> {
        let mut fields = Fields(trex);
        fields.version()?;
        if fields.u32()? != track_id {
            return None;
        }
        fields.u32()?;
        Some(Defaults { duration: fields.u32()?, bytes: fields.u32()? })
    }
}

/// Packets that lie behind each other.
#[derive(Default)]
struct Run {
    /// Where the `moof` begins, from which offsets count by default.
    from: u64,
    /// Where it ends: the data follows.
    end: u64,
    defaults: Defaults,
    /// In units of time.
    at: Option<u64>,
    /// Where the next packet lies, once one was read.
    next: Option<u64>,
}

impl Run {
    /// Reads a `tfhd`: the number of the track.
    fn head(&mut self, tfhd: &[u8], movie: &Movie) -> Option<u32> {
        let mut fields = Fields(tfhd);
        let (_, flags) = fields.version()?;
        let track_id = fields.u32()?;
        self.defaults = movie.defaults;
        if flags & 1 != 0 {
            // A position in the file; after a lost slice it is unknown.
            let base = fields.u64()?;
            if base <= self.from {
                self.from = base;
            }
        }
        if flags & 2 != 0 {
            fields.u32()?;
        }
        if flags & 8 != 0 {
            self.defaults.duration = fields.u32()?;
        }
        if flags & 0x10 != 0 {
            self.defaults.bytes = fields.u32()?;
        }
        Some(track_id)
    }

    /// Reads a `trun`; `None` where it is cut.
    fn read(
        &mut self,
        trun: &[u8],
        timescale: u32,
        samples: &mut VecDeque<Sample>,
    ) -> Result<Option<()>> {
        let mut fields = Fields(trun);
        let (Some((_, flags)), Some(count)) = (fields.version(), fields.u32()) else {
            return Ok(None);
        };
        let mut from = self.next.unwrap_or(self.end + 8);
        if flags & 1 != 0 {
            let Some(offset) = fields.u32() else { return Ok(None) };
            let offset = i64::from(offset.cast_signed());
            from = self.from.checked_add_signed(offset).unwrap_or(0);
        }
        if flags & 4 != 0 && fields.u32().is_none() {
            return Ok(None);
        }
        if samples.len() + count as usize > MOST_SAMPLES {
            return Err(damaged("a fragment of over 4096 packets"));
        }
        for _ in 0..count {
            let Some((duration, bytes)) = self.lengths(&mut fields, flags) else {
                return Ok(None);
            };
            if bytes > LARGEST_PACKET_BYTES {
                return Err(damaged("a packet of over 65536 bytes"));
            }
            let at_us = self.at.and_then(|at| {
                let us = u128::from(at) * 1_000_000 / u128::from(timescale);
                i64::try_from(us).ok()
            });
            if bytes > 0 {
                samples.push_back(Sample { from, bytes, at_us });
            }
            from = from.saturating_add(bytes.into());
            self.at = self.at.map(|at| at.saturating_add(duration.into()));
        }
        self.next = Some(from);
        Ok(Some(()))
    }

    /// The duration and the bytes of the next packet.
    fn lengths(&self, fields: &mut Fields<'_>, flags: u32) -> Option<(u32, u32)> {
        let Defaults { mut duration, mut bytes } = self.defaults;
        if flags & 0x100 != 0 {
            duration = fields.u32()?;
        }
        if flags & 0x200 != 0 {
            bytes = fields.u32()?;
        }
        // Flags and the difference to when it is shown, which is for pictures.
        let others = usize::from(flags & 0x400 != 0) + usize::from(flags & 0x800 != 0);
        fields.take(4 * others)?;
        Some((duration, bytes))
    }
}

impl Draft {
    fn read(trak: &[u8]) -> Option<Self> {
        let mut draft = Draft::default();
        let mut fields = Fields(child(trak, b"tkhd")?);
        let (version, _) = fields.version()?;
        fields.take(if version == 0 { 8 } else { 16 })?;
        draft.id = fields.u32()?;
        let mdia = child(trak, b"mdia")?;
        let mut fields = Fields(child(mdia, b"mdhd")?);
        let (version, _) = fields.version()?;
        fields.take(if version == 0 { 8 } else { 16 })?;
        draft.timescale = fields.u32()?;
        draft.is_sound = child(mdia, b"hdlr")?.get(8..12) == Some(b"soun");
        let edits = child(trak, b"edts").and_then(|edts| child(edts, b"elst"));
        draft.skip = edits.and_then(first_edit).unwrap_or(0);
        let stsd = child(child(child(mdia, b"minf")?, b"stbl")?, b"stsd")?;
        let (kind, entry) = children(stsd.get(8..)?).next()?;
        if draft.is_sound {
            draft.codec = Some(codec(kind, entry).unwrap_or(Codec::Other(*kind)));
        }
        Some(draft)
    }
}

/// Where in its own time the track begins to be played.
fn first_edit(elst: &[u8]) -> Option<u64> {
    let mut fields = Fields(elst);
    let (version, _) = fields.version()?;
    let count = fields.u32()?.min(4);
    for _ in 0..count {
        fields.long(version)?;
        let at = fields.long(version)?;
        fields.u32()?;
        let is_empty = at == u64::from(u32::MAX) || at == u64::MAX;
        if !is_empty {
            return Some(at);
        }
    }
    None
}

/// The codec of a sample entry; `None` where it is none that is decoded here.
fn codec(kind: &[u8; 4], entry: &[u8]) -> Option<Codec> {
    let mut fields = Fields(entry);
    fields.take(8)?;
    // QuickTime's later versions have more fields.
    let version = fields.u16()?;
    fields.take(18 + [0, 16, 36].get(usize::from(version))?)?;
    let inside = fields.0;
    match kind {
        b"Opus" => {
            let mut fields = Fields(child(inside, b"dOps")?);
            let (_, channels, pre_skip) = (fields.u8()?, fields.u8()?, fields.u16()?);
            let (rate_hz, gain) = (fields.u32()?, fields.u16()?);
            // GStreamer (WebKitGTK's recorder) has copied these from an Ogg, little endian; taken as
            // they stand, the pre-skip would cost 0.3 s of sound.
            let is_swapped = rate_hz >= 1 << 24;
            let right = |field: u16| if is_swapped { field.swap_bytes() } else { field };
            let (pre_skip, gain_q8_db) = (right(pre_skip), right(gain).cast_signed());
            let track = OpusTrack { channels, pre_skip, gain_q8_db };
            track.of_few_channels(fields.u8()?).ok().map(Codec::Opus)
        }
        b"mp4a" => {
            let wave = || child(child(inside, b"wave")?, b"esds");
            let esds = child(inside, b"esds").or_else(wave)?;
            let given = specific_config(esds.get(4..)?)?;
            let mut config = ([0; 32], given.len());
            config.0.get_mut(..given.len())?.copy_from_slice(given);
            Some(Codec::Aac(AacTrack { config, skip_us: 0 }))
        }
        _ => None,
    }
}

/// The `AudioSpecificConfig` in an `esds` (ISO/IEC 14496-1, 7.2.6): a descriptor in a descriptor
/// in one more.
fn specific_config(esds: &[u8]) -> Option<&[u8]> {
    let stream = descriptor(esds, 3)?;
    let mut fields = Fields(stream);
    fields.u16()?;
    let flags = fields.u8()?;
    if flags & 0x80 != 0 {
        fields.u16()?;
    }
    if flags & 0x40 != 0 {
        let length = fields.u8()?;
        fields.take(length.into())?;
    }
    if flags & 0x20 != 0 {
        fields.u16()?;
    }
    let decoder = descriptor(fields.0, 4)?;
    // Its first byte is the kind of object: 0x40 is MPEG-4 audio, 0x67 AAC-LC of MPEG-2.
    let (kind, rest) = decoder.split_first()?;
    if !matches!(kind, 0x40 | 0x66..=0x68) {
        return None;
    }
    descriptor(rest.get(12..)?, 5)
}

/// The body of the descriptor at the beginning of `bytes`, where it has this tag.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (found, rest) = bytes.split_first()?;
    // 7 bits a byte, in up to four.
    let count = rest.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let length =
        rest[..count].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7F));
    let end = rest.len().min(count + length);
    (*found == tag).then_some(&rest[count..end])
}

fn no_sound(codec: Option<Codec>) -> Error {
    let record = "record with `audio/mp4;codecs=mp4a.40.2` or `audio/mp4;codecs=opus`";
    let what = match codec {
        None => format!("an MP4 without a track of sound; {record}"),
        Some(Codec::Other(kind)) => {
            let kind = String::from_utf8_lossy(&kind).into_owned();
            let name = match &*kind {
                "alac" => "Apple Lossless",
                "fLaC" => "FLAC",
                "ac-3" | "ec-3" => "Dolby Digital",
                ".mp3" => "MP3",
                "mp4a" => "neither AAC nor anything else that is known",
                "Opus" => "Opus of more than two channels",
                "enca" => "encrypted",
                _ => "of an unknown kind",
            };
            format!("an MP4 whose sound is {name} (`{kind}`); {record}")
        }
        Some(_) => unreachable!("it is decoded"),
    };
    Error::new(ErrorKind::InvalidInput, what)
}

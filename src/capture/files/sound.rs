//! [`SoundFile`]: the sound of a WAV.

use std::{
    collections::VecDeque,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{extension, of, open};
use crate::{
    capture::{
        microphone::PERIOD_SAMPLES,
        segmenter::{SegmentConfig, Segmenter},
    },
    decode::wav::WavReader,
    error::{Error, ErrorKind, Result},
    media::{Period, Segment, duration_of},
};

/// What is left at the end of a sound is a segment from this length on.
const REST: Duration = Duration::from_millis(500);

/// The sound of a WAV as periods.
pub struct SoundFile {
    reader: WavReader<BufReader<File>>,
    path: PathBuf,
    samples_total: usize,
}

impl SoundFile {
    /// Opens a `.wav` of any rate, width and number of channels.
    ///
    /// # Errors
    ///
    /// As [`FrameFile::open`](super::FrameFile::open).
    pub fn open(path: &Path) -> Result<Self> {
        if extension(path) != "wav" {
            return Err(no_sound(path));
        }
        let reader = WavReader::new(open(path)?).map_err(|err| of(path, err))?;
        Ok(SoundFile { reader, path: path.to_owned(), samples_total: 0 })
    }

    /// How long the periods given so far last.
    pub fn position(&self) -> Duration {
        duration_of(self.samples_total)
    }

    /// The next period, shorter only at the end; `None` after it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds samples that are no numbers.
    pub fn next_period(&mut self) -> Result<Option<Period>> {
        let mut samples = vec![0; PERIOD_SAMPLES];
        let count = self.reader.read(&mut samples).map_err(|err| of(&self.path, err))?;
        samples.truncate(count);
        let gap_before = self.samples_total == 0;
        self.samples_total += count;
        let captured_at = self.position();
        let unix_ms = i64::try_from(captured_at.as_millis()).unwrap_or(i64::MAX);
        let channel_fault = self.reader.channel_fault();
        let period = Period { captured_at, unix_ms, gap_before, channel_fault, samples };
        Ok((count > 0).then_some(period))
    }

    /// The whole file as segments; what is left at the end is one more if it lasts half a second.
    pub fn segments(mut self, config: SegmentConfig) -> impl Iterator<Item = Result<Segment>> {
        let mut segmenter = Segmenter::new(config);
        let mut ready = VecDeque::new();
        let mut last = None;
        std::iter::from_fn(move || {
            loop {
                if let Some(segment) = ready.pop_front() {
                    return Some(Ok(segment));
                }
                match self.next_period() {
                    Ok(Some(period)) => {
                        segmenter.push(&period, |segment| ready.push_back(segment));
                        last = Some(period);
                    }
                    Ok(None) => {
                        return last
                            .take()
                            .and_then(|end| segmenter.finish(&end, REST))
                            .map(Ok);
                    }
                    Err(err) => return Some(Err(err)),
                }
            }
        })
    }
}

fn no_sound(path: &Path) -> Error {
    let path = path.display();
    let message =
        format!("{path} is no .wav; convert it: ffmpeg -i {path} -vn -ac 1 -ar 16000 OUT.wav");
    Error::new(ErrorKind::InvalidInput, message)
}

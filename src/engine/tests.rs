//! Who is served when, with the real analysis of sound and one worker, whose turns the test gives.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::*;
use crate::{
    capture::SegmentSink,
    clock::SimulatedClock,
    component::ComponentId,
    decode::wav::WavReader,
    features::Features,
    heartbeat::Heartbeat,
    inference::Catalog,
    media::{SAMPLE_RATE_HZ, Segment, SoundChunk, SoundFormat},
    names::StreamId,
    session::SessionConfig,
    speech::{SpeechConfig, VoiceModels},
};

const SECOND: usize = SAMPLE_RATE_HZ as usize;
const BOOTH: u64 = 0;

type Opened = (Stream, StreamTask, watch::Receiver<Live>);

/// An engine with a worker that takes its next turn when the test calls it.
struct Hall {
    engine: Engine,
    streams: Vec<Opened>,
    turn: Box<dyn FnMut() -> Option<u64>>,
}

impl Hall {
    /// The booth's stream is the first, clients' are the others.
    fn new(clients: usize) -> Self {
        let engine = Engine::new(EngineConfig::default());
        let component = Arc::new(Component::new(ComponentId::Speech));
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let catalog = Catalog::open(&project.join("models")).expect("is committed");
        let models = VoiceModels::load(&catalog).expect("the model loads");
        let analyser = VoiceAnalyser::new(models, SpeechConfig::default());
        let mut job = engine.speech_job(&component, analyser);
        let (sounds, heartbeat) = (engine.sounds.clone(), Heartbeat::new("test"));
        let turn = Box::new(move || {
            let usage = sounds.usage();
            let taken =
                (usage.waiting + usage.in_flight > 0).then(|| sounds.take(&heartbeat))??;
            let lane = taken.lane;
            job.turn(taken, &component);
            Some(lane)
        });
        let names = (1..=clients).map(|client| format!("client-{client}").parse().unwrap());
        let names = std::iter::once(StreamId::Booth).chain(names);
        let open = |stream| {
            let (origin, session) = (Origin::default(), SessionConfig::default());
            engine.open(&StreamSpec { stream, origin, session, features: Features::ALL })
        };
        Hall { streams: names.map(open).collect(), engine, turn }
    }

    fn stream(&self, client: usize) -> &Stream {
        &self.streams[client].0
    }

    /// A client sends some seconds of speech.
    fn send(&self, client: usize, seconds: usize) {
        let samples = speech().into_iter().cycle().take(seconds * SECOND);
        let chunk = SoundChunk {
            sequence: 0,
            captured_at: Duration::ZERO,
            unix_ms: 0,
            format: SoundFormat::Pcm16k,
            gap_before: false,
            data: samples.flat_map(i16::to_le_bytes).collect(),
        };
        self.stream(client).put_chunk(chunk).expect("little waits");
    }

    /// Whose turn it was; `None` where nothing is left to be done.
    fn turn(&mut self) -> Option<u64> {
        (self.turn)()
    }

    /// The turns that are left.
    fn rest(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.turn()).collect()
    }

    /// Duration of the last segment that each stream received.
    fn last_segments(self) -> Vec<Option<Duration>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let duration_of = |(stream, task, live): Opened| {
            drop(stream);
            drop(runtime.block_on(task.run(Arc::new(SimulatedClock::default()))));
            let voice = live.borrow().voice.clone();
            voice.map(|voice| voice.observation.duration)
        };
        let Hall { streams, turn, .. } = self;
        drop(turn);
        streams.into_iter().map(duration_of).collect()
    }
}

fn speech() -> Vec<i16> {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech_16k.wav");
    let clip = std::fs::read(clip).expect("is committed");
    let mut reader = WavReader::new(&*clip).unwrap();
    let mut samples = vec![0; 20 * SECOND];
    let count = reader.read(&mut samples).expect("is whole");
    samples.truncate(count);
    samples
}

fn segment(sequence: u64) -> Segment {
    let samples = speech()[..3 * SECOND].to_vec();
    let captured_at = Duration::from_secs(sequence);
    Segment {
        sequence,
        captured_at,
        unix_ms: 0,
        new_samples: SECOND,
        channel_fault: None,
        samples,
    }
}

#[test]
fn while_clients_send_minutes_of_sound_the_booth_waits_for_one_piece_and_they_take_turns() {
    let mut hall = Hall::new(3);
    [1, 2].iter().for_each(|client| hall.send(*client, 60));
    let mut turns = Vec::new();
    for second in 0..8 {
        for _ in 0..4 {
            turns.push(hall.turn().expect("two minutes are not done"));
        }
        hall.stream(0).put(segment(second));
        assert_eq!(hall.turn(), Some(BOOTH), "whatever else is under way");
    }
    assert!(turns.chunks(2).all(|pair| pair == [1, 2]), "{turns:?}");
    hall.send(3, 1);
    let next = [hall.turn(), hall.turn(), hall.turn()].map(Option::unwrap);
    assert_eq!(next, [1, 2, 3], "a second waits for one piece of each");
    let rest = hall.rest();
    assert!(rest.len() > 20 && rest.iter().all(|lane| [1, 2].contains(lane)), "{rest:?}");
    assert_eq!(hall.engine.usage().dropped_total, 0);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(hall.last_segments(), [seconds(3), seconds(60), seconds(60), seconds(1)]);
}

#[test]
fn long_chunks_share_the_memory_of_some_and_what_is_short_never_waits_for_it() {
    let clients = MOST_LONG_CHUNKS + 3;
    let mut hall = Hall::new(clients);
    (1..clients).for_each(|client| hall.send(client, 7));
    for _ in 1..clients {
        hall.turn().expect("each has its first piece");
    }
    let most = MOST_LONG_CHUNKS * SOUND_CHUNK_WORKING_BYTES;
    for _ in 0..MOST_LONG_CHUNKS {
        hall.turn().expect("some have their second");
    }
    let usage = hall.engine.sounds.usage();
    assert_eq!((usage.working_bytes, usage.in_flight), (most, clients - 1));
    hall.send(clients, 1);
    let served: Vec<_> = (0..=MOST_LONG_CHUNKS).filter_map(|_| hall.turn()).collect();
    assert_eq!(served.last(), Some(&(clients as u64)), "{served:?}");
    // Who leaves, or switches its sound off, gives up its place.
    drop(hall.streams.remove(1));
    let deaf = Features { audio: false, ..Features::ALL };
    hall.stream(1).set_features(deaf);
    assert_eq!(hall.engine.sounds.usage().working_bytes, most - 2 * SOUND_CHUNK_WORKING_BYTES);
    hall.rest();
    let usage = hall.engine.sounds.usage();
    assert_eq!((usage.working_bytes, usage.in_flight, usage.waiting), (0, 0, 0));
    let segments = hall.last_segments();
    assert_eq!(
        segments.iter().filter(|length| **length == Some(Duration::from_secs(7))).count(),
        4
    );
}

#[test]
fn no_segment_spans_a_chunk_that_was_dropped_between_two_pieces() {
    let mut hall = Hall::new(1);
    hall.send(1, 3);
    assert_eq!(hall.rest(), [1]);
    hall.send(1, 20);
    assert_eq!(hall.turn(), Some(1));
    hall.stream(1).set_features(Features { audio: false, ..Features::ALL });
    assert_eq!(hall.turn(), None);
    hall.stream(1).set_features(Features::ALL);
    hall.send(1, 2);
    assert_eq!(hall.rest(), [1]);
    assert_eq!(hall.last_segments(), [None, Some(Duration::from_secs(2))]);
}

#[test]
fn what_was_in_no_segment_yet_ends_with_a_chunk_that_was_dropped_between_two_pieces() {
    let mut hall = Hall::new(1);
    let half_a_second = || {
        let samples = speech().into_iter().take(SECOND / 2);
        let data = samples.flat_map(i16::to_le_bytes).collect();
        let (captured_at, unix_ms, format) = (Duration::ZERO, 0, SoundFormat::Pcm16k);
        SoundChunk { sequence: 0, captured_at, unix_ms, format, gap_before: false, data }
    };
    hall.stream(1).put_chunk(half_a_second()).expect("little waits");
    assert_eq!(hall.rest(), [1]);
    hall.send(1, 20);
    assert_eq!(hall.turn(), Some(1));
    hall.stream(1).set_features(Features { audio: false, ..Features::ALL });
    hall.stream(1).set_features(Features::ALL);
    hall.stream(1).put_chunk(half_a_second()).expect("little waits");
    assert_eq!(hall.rest(), [1]);
    assert_eq!(hall.last_segments(), [None, None], "half a second is too little");
}

#[test]
fn a_machine_of_one_core_still_has_a_vision_worker_that_no_large_picture_holds() {
    assert_eq!([1, 2, 4, 64].map(vision_threads_on), [2, 2, 4, MOST_WORKERS]);
    let config = EngineConfig { vision_workers: 1, ..EngineConfig::default() };
    assert_eq!(config.vision_threads(), 1, "unless the operator wants it so");
}

/// Black before a pause does not count for the time after it.
#[test]
fn what_lasts_starts_again_after_a_gap() {
    let component = Component::new(ComponentId::Vision);
    let look = |second: u64, brightness: f32| {
        let at = Duration::from_secs(second);
        note_brightness(&component, brightness, at);
        component.update(|status| status.own.analysed(Some(at)));
        component.status().own.black_since.map(|since| since.as_secs())
    };
    assert_eq!([1, 2, 3].map(|second| look(second, 0.0)), [Some(1); 3]);
    assert_eq!(look(13, 0.0), Some(1));
    assert_eq!(look(24, 0.0), Some(24), "11 s later");
    assert_eq!((look(25, 0.5), look(26, 0.0)), (None, Some(26)));
}

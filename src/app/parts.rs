//! [`Parts`]: the threads and tasks of the booth, in the order of the data.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::Runtime,
    sync::{Mutex, watch},
    task::JoinHandle as Task,
};

use super::{
    budget,
    components::Context,
    fleet_link::FleetLink,
    loaded, recording_light,
    threads::{join, spawn},
};
use crate::{
    capture::{
        camera::CameraConfig,
        retry::LoopContext,
        source::{AudioSource, Sources, VideoSource},
    },
    component::{Component, State},
    config::Config,
    engine::{Engine, Live, Origin, Stream, StreamSpec, Workers},
    error::Result,
    features::Features,
    gate::Gate,
    inference::Catalog,
    interview::{
        Dependencies, Gates, Interview,
        devices::{self, Devices},
    },
    media::Orientation,
    names::StreamId,
    recorder,
    report::{Dropped, SummaryReport},
    session::SessionMetrics,
    speech::{VoiceAnalyser, VoiceModels},
    store::{Store, StoreThread},
    vision::{FaceAnalyser, FaceModels, VisionConfig},
};

/// Started threads and tasks, joined in the same order.
pub(super) struct Parts {
    capture: Vec<JoinHandle<()>>,
    pub(super) engine: Engine,
    workers: Vec<Workers>,
    pub(super) stream: Arc<Stream>,
    session: Task<SessionMetrics>,
    pub(super) live: watch::Receiver<Live>,
    pub(super) booth: Interview,
    pub(super) devices: watch::Receiver<Devices>,
    pub(super) store: Store,
    store_thread: StoreThread,
}

impl Parts {
    /// Opens the booth's stream and begins to capture: devices wake while the models load.
    pub(super) fn open(
        context: &Context<'_>,
        store: Store,
        store_thread: StoreThread,
    ) -> Result<Self> {
        let Context { config, components, runtime, clock, stop } = *context;
        let light = &components.light;
        let present = recording_light::present(config, light);
        let (sources, is_demo) =
            config.sources.clone().resolve(present, &config.demo_sources());
        components.note_sources(&sources, is_demo);
        log_what_is_served(&sources, config.features.within(config.policy.ceiling));
        let origin = Origin { demo_video: is_demo, demo_audio: is_demo };
        let engine = Engine::new(config.engine.clone());
        let session = config.session.clone();
        let features = config.features;
        let spec = StreamSpec { stream: StreamId::Booth, origin, session, features };
        let (stream, task, live) = engine.open(&spec);
        let task = task.with_heartbeat(components.vision.heartbeat("session"));
        let (stream, session) = (Arc::new(stream), runtime.spawn(task.run(clock.clone())));
        let gates = gates_of(&sources);
        let loop_of = |component: &Arc<Component>, gate: &Gate| LoopContext {
            clock: clock.clone(),
            component: component.clone(),
            stop: stop.clone(),
            gate: gate.clone(),
        };
        let camera = loop_of(&components.camera, &gates.camera);
        let microphone = loop_of(&components.microphone, &gates.microphone);
        let dependencies = Dependencies {
            policy: config.policy.clone(),
            features: config.features,
            log: Arc::new(store.clone()),
            clock: clock.clone(),
        };
        let booth = Interview::new(StreamId::Booth, stream.clone(), gates, dependencies);
        let devices = {
            let _inside = runtime.enter();
            devices::follow(components.all(), stop.clone())
        };
        record(context, &booth, live.clone(), devices.clone(), &store);
        let video = sources.video.map(|kind| {
            let source = VideoSource::new(kind, wanted_camera(config, is_demo), camera, light);
            let sink = stream.clone();
            spawn("camera", move || source.run(&*sink))
        });
        let audio = sources.audio.map(|kind| {
            let source = AudioSource::new(kind, config.microphone.clone(), microphone, light);
            let sink = stream.clone();
            spawn("microphone", move || source.run(&*sink))
        });
        let capture = video.into_iter().chain(audio).collect::<Result<_>>()?;
        Ok(Parts {
            capture,
            engine,
            workers: Vec::new(),
            stream,
            session,
            live,
            booth,
            devices,
            store,
            store_thread,
        })
    }

    /// Loads the models that have something to do, both kinds at once, and starts the workers.
    pub(super) fn start_workers(
        &mut self,
        context: &Context<'_>,
        catalog: &Catalog,
    ) -> Result<()> {
        let Context { config, components, .. } = *context;
        let (pictures, sound) = loaded::may_come(config);
        let vision =
            VisionConfig { expression: loaded::expression(config), ..config.vision.clone() };
        let (faces, voices) = thread::scope(|scope| {
            let voices = scope.spawn(|| sound.then(|| VoiceModels::load(catalog)));
            let faces = pictures.then(|| FaceModels::load(catalog, &vision));
            (faces, voices.join().expect("a panic has ended the process"))
        });
        let engine = &self.engine;
        budget::size(config, engine);
        if let Some(models) = faces.transpose()? {
            components.vision.update(|status| status.source = Some(models.runtimes()));
            let analyser = || FaceAnalyser::new(&models, vision.clone());
            let workers = engine.start_vision(components.vision.clone(), analyser)?;
            self.workers.push(workers);
        } else {
            components.vision.update(|status| status.state = State::Off);
        }
        if let Some(models) = voices.transpose()? {
            components.speech.update(|status| status.source = Some(models.runtimes()));
            let analyser = || VoiceAnalyser::new(models.clone(), config.speech);
            let workers = engine.start_speech(components.speech.clone(), analyser)?;
            self.workers.push(workers);
        } else {
            components.speech.update(|status| status.state = State::Off);
        }
        Ok(())
    }

    /// Joins everything in the order of the data.
    pub(super) fn leave(self, runtime: &Runtime, fleet_link: Arc<Mutex<FleetLink>>) {
        let Parts {
            capture,
            engine,
            workers,
            stream,
            session,
            live,
            booth,
            devices: _,
            store,
            store_thread,
        } = self;
        capture.into_iter().for_each(join);
        engine.close();
        workers.into_iter().for_each(Workers::join);
        // Ends a running session, so that its summary is stored.
        if let Err(error) = runtime.block_on(booth.leave("boothd")) {
            log::error!(target: "app", error = error.chain().to_string().as_str();
                "the session could not be ended in the store");
        }
        // The last summary is in the outbox by now.
        runtime.block_on(async { fleet_link.lock().await.leave().await });
        drop(fleet_link);
        drop((stream, booth));
        drop(store);
        // In any case all requests to the store are on the disk.
        store_thread.join();
        let Ok(session) = runtime.block_on(session) else {
            return log::error!(target: "app", "the booth's session panicked");
        };
        let dropped = {
            let live = live.borrow();
            Dropped {
                frames: live.face.as_ref().map_or(0, |face| face.context.dropped_total),
                segments: live.voice.as_ref().map_or(0, |voice| voice.context.dropped_total),
            }
        };
        let summary = SummaryReport::new(session.statistics(), dropped);
        log::info!(
            target: "app",
            frames_total = summary.frames_total, segments_total = summary.segments_total,
            dropped_frames = summary.dropped_frames, dropped_segments = summary.dropped_segments;
            "stopped"
        );
    }
}

/// Logs what a booth without a device serves.
fn log_what_is_served(sources: &Sources, features: Features) {
    let names = |named: [(&'static str, bool); 2]| {
        let on: Vec<_> = named.into_iter().filter(|(_, is_on)| *is_on).collect();
        on.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ")
    };
    let absent =
        names([("camera", sources.video.is_none()), ("microphone", sources.audio.is_none())]);
    if absent.is_empty() {
        return;
    }
    let served = names([("pictures", features.video), ("sound", features.audio)]);
    let served = if served.is_empty() { "nothing" } else { &*served };
    log::info!(target: "app", absent = absent.as_str(), served; "no {absent} here; of what clients send, {served} is analysed");
}

/// The gates of the devices that there are.
fn gates_of(sources: &Sources) -> Gates {
    let (has_camera, has_microphone) = (sources.video.is_some(), sources.audio.is_some());
    Gates { has_camera, has_microphone, ..Gates::closed() }
}

/// The camera as configured. The bundled clip that stands in for it is upright.
fn wanted_camera(config: &Config, is_demo: bool) -> CameraConfig {
    let wanted = config.camera.clone();
    let orientation = if is_demo { Orientation::Upright } else { wanted.orientation };
    CameraConfig { orientation, ..wanted }
}

/// Starts the booth's recorder.
fn record(
    context: &Context<'_>,
    booth: &Interview,
    live: watch::Receiver<Live>,
    devices: watch::Receiver<Devices>,
    store: &Store,
) {
    let Context { components, runtime, clock, .. } = *context;
    let (state, component) =
        (booth.state(), Some((components.recorder.clone(), clock.clone())));
    runtime.spawn(recorder::follow(live, state.clone(), store.clone(), component));
    runtime.spawn(recorder::note_devices(devices, state, store.clone(), clock.clone()));
}

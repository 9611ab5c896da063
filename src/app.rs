//! Every channel, thread and join of the daemon, in the order of the data.
//!
//! Shutdown has the same order: capture stops, the queues close, the workers finish what waits, the
//! stream's task ends, the servers close their connections.

pub mod budget;
mod fleet_link;
mod certificates;
mod recording_light;
mod loaded;
mod monitor;
mod reload;
mod signals;
mod welcome;
mod fleet;

use std::{
    io::Write,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{Mutex, watch},
    task::JoinHandle as Task,
};

use crate::{
    board::{self, Board, Reading},
    booth_api::{self, BoothApiState, Settings},
    capture::{
        camera::CameraConfig,
        retry::LoopContext,
        source::{AudioSource, Sources, VideoSource},
    },
    certificate::Certificates,
    clock::Clock,
    component::{Component, ComponentId, State},
    config::{Config, Loaded, Source},
    engine::{Engine, Live, Origin, Stream, StreamSpec, Workers},
    error::{Error, ErrorKind, Result},
    features::Features,
    gate::Gate,
    health::{self, Monitor},
    inference::Catalog,
    interview::{
        Dependencies, Gates, Interview, InterviewState,
        devices::{self, Devices},
    },
    light::Light,
    media::Orientation,
    names::StreamId,
    recorder,
    report::SummaryReport,
    service::{BoothStatus, Notifier},
    session::SessionMetrics,
    speech::{VoiceAnalyser, VoiceModels},
    stop::Stop,
    store::{self, StateOwner, Store, StoreThread},
    vision::{FaceAnalyser, FaceModels, VisionConfig},
};

pub use fleet::run_fleet;
use fleet_link::FleetLink;
pub(crate) use loaded::catalog;
use recording_light::RecordingLight;
use reload::Reloader;
use welcome::{announce, keep_later, token};

/// Sentence in /health for a device that is switched off in the configuration.
const CLIENTS_ONLY: &str = "no device: clients only";

/// The components of the daemon in /health, in the order of the data.
struct Components {
    camera: Arc<Component>,
    microphone: Arc<Component>,
    light: Light,
    vision: Arc<Component>,
    speech: Arc<Component>,
    recorder: Arc<Component>,
    store: Arc<Component>,
    mqtt: Arc<Component>,
}

/// Started threads and tasks, joined in the same order.
struct Parts {
    capture: Vec<JoinHandle<()>>,
    engine: Engine,
    workers: Vec<Workers>,
    stream: Arc<Stream>,
    session: Task<SessionMetrics>,
    live: watch::Receiver<Live>,
    booth: Interview,
    devices: watch::Receiver<Devices>,
    store: Store,
    store_thread: StoreThread,
}

/// Runs the booth until SIGTERM or SIGINT.
///
/// # Errors
/// `Config` when the models or the token cannot be used, `Unavailable` when the address is taken
/// or another daemon owns the state folder.
pub fn run(
    (source, loaded): (&Source, &Loaded),
    clock: Arc<dyn Clock>,
    out: &mut dyn Write,
) -> Result<()> {
    let config = &loaded.config;
    // Before anything else: another daemon may run an interview in this folder.
    let owner = StateOwner::take(&config.state_dir, "boothd run", clock.unix_ms())?;
    let stop = Stop::default();
    let runtime = runtime()?;
    let hangups = runtime.block_on(async { signals::hangups() })?;
    let listener = runtime.block_on(listen(config))?;
    let recording_light = RecordingLight::start(config.light.as_deref(), stop.clone())?;
    runtime.block_on(signals::stop_on_signal(&stop, recording_light.light()))?;
    let known = token(config)?;
    let path = store::database_path(&config.state_dir);
    let store = Store::open_owned(&path, config.store.clone(), clock, Some(owner))?;
    // From here on all components use the store's clock.
    let clock = store.0.clock();
    store.0.admit_config_token(&known.token);
    let keeper = keep_later(&known, config, &store.0, &stop)?;
    if let Some(why) = config.policy.profile.forbids_all() {
        log::warn!(target: "app", "POLICY NOT CHOSEN: {why}");
    }
    let components = Components::new(store.0.component(), recording_light.light());
    let catalog = catalog(config)?;
    let with = (clock.clone(), stop.clone());
    let mut parts = Parts::open(config, &components, &runtime, with, store)?;
    let _inside = runtime.enter();
    let board = board::follow(Board::this(), stop.clone());
    let health =
        monitor::monitor(config, &components, (&parts.booth, &parts.store), &board, &clock);
    runtime.spawn(monitor::look(health.clone(), stop.clone()));
    let status = BoothStatus { health: health.clone() };
    let notifier = Notifier::start(move || status.look(), stop.clone())?;
    let certificates = certificates(config, &runtime, &health, (&clock, &stop));
    let (settings, taken) = watch::channel(reload::settings(config));
    let shown = Shown { health, settings: taken, certificates, board };
    let state = booth_api_state(config, &parts, &catalog, shown);
    let listen = listener.local_addr().unwrap_or(config.listen);
    let with = (clock.clone(), stop.clone(), listen);
    let fleet_link = FleetLink::start(config, components.mqtt.clone(), state.clone(), with);
    let fleet_link = Arc::new(Mutex::new(fleet_link));
    let shown = (&state, parts.stream.clone());
    let reloader = Reloader::new((source, loaded), shown, settings, fleet_link.clone());
    reloader.add_findings(&state.health);
    runtime.spawn(reloader.follow(hangups, stop.clone()));
    announce(config, &listener, &known, out);
    let server = runtime.spawn(serve(listener, state, clock, stop.clone()));
    parts.start_workers(config, &components, &catalog)?;
    runtime.block_on(stop.requested());
    let served = runtime.block_on(server).map_err(|cause| {
        Error::new(ErrorKind::Internal, "the HTTP server panicked").because(cause)
    })?;
    parts.leave(&runtime, fleet_link);
    notifier.join();
    keeper.into_iter().for_each(join);
    served
}

/// Watches the certificates in use, and adds their findings to `monitor`.
fn certificates(
    config: &Config,
    runtime: &Runtime,
    monitor: &Monitor,
    (clock, stop): (&Arc<dyn Clock>, &Stop),
) -> Certificates {
    let certificates = Certificates::default();
    let broker = config.mqtt.as_ref();
    certificates::follow(runtime, broker, &certificates, clock.clone(), stop.clone());
    monitor.watch(health::certificates(certificates.clone(), clock.clone()));
    certificates
}

/// A booth without its HTTP server must not go on: it stops, and systemd restarts it.
async fn serve(
    listener: TcpListener,
    state: BoothApiState,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<()> {
    let served = booth_api::serve(listener, state, clock, stop.clone()).await;
    stop.request();
    served
}

/// Two threads serve the network: fifty clients that read JSON are little work, and while one of
/// them reads a message of 10 MB, the other answers /health.
fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|cause| {
            Error::new(ErrorKind::Exhausted, "the network runtime cannot start").because(cause)
        })
}

async fn listen(config: &Config) -> Result<TcpListener> {
    TcpListener::bind(config.listen).await.map_err(|cause| {
        let what = format!(
            "cannot listen on {}; is another boothd running, or choose another web.port",
            config.listen
        );
        Error::new(ErrorKind::Unavailable, what).because(cause)
    })
}

impl Components {
    fn new(store: Arc<Component>, light: Light) -> Self {
        let component = |component| Arc::new(Component::new(component));
        Components {
            camera: component(ComponentId::Camera),
            microphone: component(ComponentId::Microphone),
            light,
            vision: component(ComponentId::Vision),
            speech: component(ComponentId::Speech),
            recorder: component(ComponentId::Recorder),
            store,
            mqtt: component(ComponentId::Mqtt),
        }
    }

    fn all(&self) -> Vec<Arc<Component>> {
        let Components { camera, microphone, light, vision, speech, recorder, store, mqtt } =
            self;
        [camera, microphone, light.component(), vision, speech, recorder, store, mqtt]
            .map(Arc::clone)
            .into()
    }

    /// Sets the components that are off, and those that play the bundled clip.
    fn note_sources(&self, sources: &Sources, is_demo: bool) {
        let off = |component: &Component| {
            component.update(|status| {
                (status.state, status.source) = (State::Off, Some(CLIENTS_ONLY.into()));
            });
        };
        if sources.video.is_none() {
            off(&self.camera);
        }
        if sources.audio.is_none() {
            off(&self.microphone);
        }
        if is_demo {
            let demo = |component: &Component| component.update(|status| status.demo = true);
            demo(&self.camera);
            demo(&self.microphone);
            log::warn!(target: "app", "DEMO SOURCE: no camera and no microphone were found, so the bundled clip plays; its metrics are of no real person");
        }
    }
}

impl Parts {
    /// Opens the booth's stream and begins to capture: devices wake while the models load.
    fn open(
        config: &Config,
        components: &Components,
        runtime: &Runtime,
        (clock, stop): (Arc<dyn Clock>, Stop),
        (store, store_thread): (Store, StoreThread),
    ) -> Result<Self> {
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
        let context = |component: &Arc<Component>, gate: &Gate| LoopContext {
            clock: clock.clone(),
            component: component.clone(),
            stop: stop.clone(),
            gate: gate.clone(),
        };
        let camera = context(&components.camera, &gates.camera);
        let microphone = context(&components.microphone, &gates.microphone);
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
        let of = (booth.state(), live.clone(), devices.clone());
        record(runtime, &components.recorder, of, (&store, &clock));
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
    fn start_workers(
        &mut self,
        config: &Config,
        components: &Components,
        catalog: &Catalog,
    ) -> Result<()> {
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
    fn leave(self, runtime: &Runtime, fleet_link: Arc<Mutex<FleetLink>>) {
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
        let summary = SummaryReport::new(session.statistics(), &live.borrow());
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

/// Inputs of the booth's recorder: its state, its results and its devices.
type Recorded =
    (watch::Receiver<InterviewState>, watch::Receiver<Live>, watch::Receiver<Devices>);

/// Starts the booth's recorder.
fn record(
    runtime: &Runtime,
    component: &Arc<Component>,
    (state, live, devices): Recorded,
    (store, clock): (&Store, &Arc<dyn Clock>),
) {
    let component = Some((component.clone(), clock.clone()));
    runtime.spawn(recorder::follow(live, state.clone(), store.clone(), component));
    runtime.spawn(recorder::note_devices(devices, state, store.clone(), clock.clone()));
}

fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(|cause| {
        let what = format!("no thread for the {name}; raise the limit of threads");
        Error::new(ErrorKind::Exhausted, what).because(cause)
    })
}

fn join(thread: JoinHandle<()>) {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        log::error!(target: "app", thread = name.as_str(); "thread panicked");
    }
}

/// What the HTTP server shows beside the components themselves.
struct Shown {
    health: Arc<Monitor>,
    settings: watch::Receiver<Settings>,
    certificates: Certificates,
    board: watch::Receiver<Reading>,
}

fn booth_api_state(
    config: &Config,
    parts: &Parts,
    catalog: &Catalog,
    shown: Shown,
) -> BoothApiState {
    let Shown { health, settings, certificates, board } = shown;
    BoothApiState {
        config: config.web.clone(),
        booth_id: config.booth_id.clone(),
        policy: config.policy.clone(),
        settings,
        health,
        models: loaded::models(config, catalog),
        engine: parts.engine.clone(),
        live: parts.live.clone(),
        booth: parts.booth.clone(),
        devices: parts.devices.clone(),
        store: parts.store.clone(),
        certificates,
        state_dir: config.state_dir.clone(),
        board,
    }
}

use std::sync::Mutex;

use super::*;
use crate::{
    clock::SimulatedClock,
    component::{Component, State},
    health::{Interview, Pace},
    policy::Profile,
};

/// A booth with components and a state that the test changes.
struct Scene {
    status: BoothStatus,
    state: Arc<Mutex<Interview>>,
}

impl Scene {
    fn new() -> Self {
        use ComponentId::{Camera, Light, Microphone, Mqtt, Speech, Store, Vision};
        let components = [Camera, Microphone, Light, Vision, Speech, Store, Mqtt];
        let components: Vec<_> = components.map(|c| Arc::new(Component::new(c))).into();
        // The test sets the fields that matter to it.
        for component in components.iter().filter(|s| [Light, Store, Mqtt].contains(&s.id())) {
            component.update(|status| status.state = State::Running);
        }
        let state = Arc::new(Mutex::new(Interview {
            profile: Profile::Standard,
            require_consent: false,
            paused: false,
            analysing: true,
            session_active: false,
        }));
        let now = state.clone();
        let (frame, segment) = (Duration::from_millis(500), Duration::from_secs(4));
        let pace = Pace { fps: 10.0, frame, segment };
        let clock = Arc::new(SimulatedClock::default());
        let health = Monitor::new(components, move || *now.lock().unwrap(), pace, clock);
        Scene { status: BoothStatus { health: Arc::new(health) }, state }
    }

    fn component(&self, name: &str) -> &Component {
        self.status
            .health
            .components()
            .iter()
            .find(|component| component.name() == name)
            .unwrap()
    }

    fn set(&self, names: &[&str], state: State) {
        names
            .iter()
            .for_each(|name| self.component(name).update(|status| status.state = state));
    }

    fn flow(&self, names: &[&str], at_ms: u64) {
        let at = Duration::from_millis(at_ms);
        for component in names.iter().map(|name| self.component(name)) {
            component.media_passed(at);
            component.update(|status| status.own.analysed(Some(at)));
        }
    }

    fn reported(&self) -> (bool, String) {
        let ServiceStatus { is_ready, sentence, .. } = self.status.look();
        (is_ready, sentence)
    }

    /// The probes that are not excused.
    fn demanded(&self) -> Vec<String> {
        let probes = self.status.look().probes;
        probes.into_iter().filter(|probe| !probe.is_excused).map(|probe| probe.name).collect()
    }
}

#[test]
fn it_is_ready_once_both_kinds_of_media_were_analysed() {
    let scene = Scene::new();
    assert_eq!(scene.reported(), (false, "Loading the models".into()));
    scene.set(&["vision", "speech"], State::Running);
    scene.flow(&["camera"], 1);
    let (is_ready, _) = scene.reported();
    assert!(!is_ready, "the microphone is being opened");
    scene.flow(&["microphone"], 1);
    let (is_ready, _) = scene.reported();
    assert!(!is_ready, "nothing was analysed");
    scene.flow(&["vision"], 1);
    assert!(!scene.reported().0, "no sound was analysed");
    scene.flow(&["speech"], 1);
    assert_eq!(scene.reported(), (true, "Analysing: camera 10.0 fps, microphone".into()));
}

#[test]
fn it_is_ready_when_it_is_known_why_nothing_flows() {
    let scene = Scene::new();
    scene.set(&["vision", "speech"], State::Running);
    scene.flow(&["microphone", "speech"], 1);
    scene.component("camera").lost("no camera\nis there; plug one in");
    let away = "Analysing: microphone; camera away: no camera; is there; plug one in";
    assert_eq!(scene.reported(), (true, away.into()));
    scene.flow(&["camera"], 2);
    assert!(!scene.reported().0, "it is there, and nothing was seen yet");
    scene.component("vision").update(|status| status.own.failed("broken JPEG".into()));
    let broken = "Analysing: camera 10.0 fps, microphone";
    assert_eq!(scene.reported(), (true, broken.into()), "one broken frame is not reported");
}

#[test]
fn models_are_waited_for_also_behind_closed_gates() {
    let scene = Scene::new();
    scene.set(&["camera", "microphone"], State::Paused);
    scene.state.lock().unwrap().require_consent = true;
    scene.state.lock().unwrap().analysing = false;
    assert!(!scene.reported().0);
    scene.set(&["vision", "speech"], State::Running);
    let waiting = "Waiting for consent; camera and microphone are closed";
    assert_eq!(scene.reported(), (true, waiting.into()));
    scene.set(&["microphone", "speech"], State::Off);
    assert_eq!(scene.reported(), (true, "Waiting for consent; camera is closed".into()));
    scene.state.lock().unwrap().paused = true;
    assert_eq!(scene.reported(), (true, "Paused; camera is closed".into()));
}

#[test]
fn an_unchosen_policy_and_a_failing_light_are_known_reasons() {
    let scene = Scene::new();
    scene.set(&["vision", "speech"], State::Running);
    scene.set(&["camera", "microphone"], State::Paused);
    scene.state.lock().unwrap().profile = Profile::Unchosen;
    scene.state.lock().unwrap().analysing = false;
    let unchosen = "No policy is chosen, nothing is analysed; set policy.profile to \"eu\" or \
                    \"default\" and start boothd again";
    assert_eq!(scene.reported(), (true, unchosen.into()));
    scene.state.lock().unwrap().profile = Profile::Eu;
    scene.state.lock().unwrap().require_consent = true;
    scene.set(&["light"], State::Unavailable);
    let light = "Waiting for consent; camera and microphone are closed; the recording light \
                 fails";
    assert_eq!(scene.reported(), (true, light.into()));
}

#[test]
fn a_running_session_is_reported_without_its_subject() {
    let scene = Scene::new();
    scene.set(&["vision", "speech"], State::Running);
    scene.flow(&["camera", "vision"], 1);
    scene.set(&["microphone"], State::Paused);
    scene.set(&["store"], State::Unavailable);
    scene.state.lock().unwrap().session_active = true;
    let sentence = "Analysing: camera 10.0 fps; microphone switched off; the database is away; session \
                running";
    assert_eq!(scene.reported(), (true, sentence.into()));
}

#[test]
fn a_booth_without_devices_is_ready_at_once() {
    let scene = Scene::new();
    scene.set(&["camera", "microphone", "vision", "speech"], State::Off);
    let sentence = "Waiting for clients; the booth has neither camera nor microphone";
    assert_eq!(scene.reported(), (true, sentence.into()));
    assert_eq!(scene.demanded(), [""; 0]);
}

#[test]
fn only_what_should_flow_must_flow_and_every_loop_must_turn() {
    let scene = Scene::new();
    scene.set(&["vision", "speech"], State::Running);
    assert_eq!(scene.demanded(), [""; 0]);
    scene.component("camera").beat();
    let worker = scene.component("vision").heartbeat("vision-0");
    scene.flow(&["camera", "vision"], 1);
    let flowing = ["camera", "vision-0", "frames of the camera", "analysis of frames"];
    assert_eq!(scene.demanded(), flowing);
    scene.component("camera").lost("unplugged");
    assert_eq!(scene.demanded(), ["camera", "vision-0"], "it is looked for again and again");
    scene.flow(&["camera"], 2);
    scene.component("vision").update(|status| status.own.failed("broken JPEG".into()));
    assert_eq!(scene.demanded(), ["camera", "vision-0", "frames of the camera"]);
    drop(worker);
}

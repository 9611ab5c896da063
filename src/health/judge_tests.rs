use super::*;
use crate::health::{SILENT_AFTER, Verdict};

const NOW: Duration = Duration::from_secs(100);

fn interview(profile: Profile) -> Interview {
    Interview {
        profile,
        require_consent: false,
        paused: false,
        analysing: true,
        session_active: false,
    }
}

fn facts(components: Vec<(ComponentId, Status)>) -> Facts {
    let (frame, segment) = (Duration::from_millis(500), Duration::from_secs(4));
    Facts {
        now: NOW,
        components,
        interview: interview(Profile::Standard),
        pace: Pace { fps: 10.0, frame, segment },
        findings: Findings::default(),
    }
}

fn status(state: State, media_s_ago: Option<u64>) -> Status {
    let last_media_at = media_s_ago.map(|ago| NOW - Duration::from_secs(ago));
    Status { state, last_media_at, ..Status::default() }
}

fn judge(components: Vec<(ComponentId, Status)>) -> Report {
    Judge::default().judge(facts(components))
}

fn verdict(camera: Status, microphone: Status, vision: Status) -> Verdict {
    use ComponentId::{Camera, Microphone, Vision};
    judge(vec![(Camera, camera), (Microphone, microphone), (Vision, vision)]).verdict
}

#[test]
fn the_verdict_follows_the_stages() {
    use State::{Off, Running, Starting, Stopped, Unavailable};
    let runs = || status(Running, Some(0));
    let worker = || status(Running, None);
    assert_eq!(verdict(runs(), runs(), worker()), Verdict::Healthy);
    assert_eq!(verdict(status(Unavailable, None), runs(), worker()), Verdict::Degraded);
    let silent = SILENT_AFTER.as_secs() + 1;
    assert_eq!(verdict(status(Running, Some(silent)), runs(), worker()), Verdict::Degraded);
    assert_eq!(verdict(status(Off, None), runs(), worker()), Verdict::Healthy);
    let gone = || status(Unavailable, Some(1));
    assert_eq!(verdict(gone(), gone(), worker()), Verdict::Unhealthy);
    assert_eq!(verdict(gone(), status(Off, None), worker()), Verdict::Unhealthy);
    assert_eq!(verdict(runs(), runs(), status(Stopped, None)), Verdict::Unhealthy);
    assert_eq!(verdict(runs(), runs(), status(Starting, None)), Verdict::Unhealthy);
}

#[test]
fn a_board_that_is_slowed_down_is_half_a_fault() {
    let with = |code: Option<Code>, camera: State| {
        let mut facts = facts(vec![(ComponentId::Camera, status(camera, Some(0)))]);
        facts.findings.extend(code.map(Finding::new));
        Judge::default().judge(facts).verdict
    };
    let hot = Some(Code::BoardSlowed);
    assert_eq!(with(hot, State::Running), Verdict::Degraded);
    assert_eq!(with(None, State::Running), Verdict::Healthy);
    assert_eq!(with(hot, State::Unavailable), Verdict::Unhealthy);
    assert_eq!(with(Some(Code::ClockUnset), State::Running), Verdict::Healthy);
}

#[test]
fn without_a_policy_or_its_light_a_booth_does_not_do_its_job() {
    use State::{Off, Paused, Running, Unavailable};
    let with = |profile, light| {
        let closed = (ComponentId::Camera, status(Paused, None));
        let facts = facts(vec![closed, (ComponentId::Light, status(light, None))]);
        Judge::default().judge(Facts { interview: interview(profile), ..facts }).verdict
    };
    assert_eq!(with(Profile::Eu, Running), Verdict::Healthy);
    assert_eq!(with(Profile::Eu, Off), Verdict::Healthy);
    assert_eq!(with(Profile::Eu, Unavailable), Verdict::Unhealthy);
    assert_eq!(with(Profile::Unchosen, Running), Verdict::Unhealthy);
}

#[test]
fn a_pause_is_no_fault_and_a_lost_store_is_half_of_one() {
    use State::{Paused, Running, Unavailable};
    let worker = || status(Running, None);
    let paused = || status(Paused, Some(60));
    assert_eq!(verdict(paused(), paused(), worker()), Verdict::Healthy);
    assert_eq!(verdict(paused(), status(Unavailable, None), worker()), Verdict::Unhealthy);
    let with = |component, state| {
        let camera = (ComponentId::Camera, status(Running, Some(0)));
        judge(vec![camera, (component, status(state, None))]).verdict
    };
    assert_eq!(with(ComponentId::Store, Running), Verdict::Healthy);
    assert_eq!(with(ComponentId::Store, Unavailable), Verdict::Degraded);
    assert_eq!(with(ComponentId::Mqtt, Unavailable), Verdict::Degraded);
}

/// Looks every half second while a camera flows, with the worker as `at` has it.
fn looks(seconds: u64, at: impl Fn(Duration, &mut Status)) -> Vec<Report> {
    let (mut judge, mut reports) = (Judge::default(), Vec::new());
    for half_s in 0..=2 * seconds {
        let now = NOW + Duration::from_millis(500 * half_s);
        let camera =
            Status { state: State::Running, last_media_at: Some(now), ..Status::default() };
        let mut vision = Status { state: State::Running, ..Status::default() };
        at(now, &mut vision);
        let components = vec![(ComponentId::Camera, camera), (ComponentId::Vision, vision)];
        reports.push(judge.judge(Facts { now, ..facts(components) }));
    }
    reports
}

fn found(reports: &[Report], code: Code) -> Option<Duration> {
    let of = |report: &&Report| report.findings.iter().any(|finding| finding.code == code);
    reports.iter().find(of).map(|report| report.now - NOW)
}

#[test]
fn frames_that_cannot_be_decoded_are_found_within_10_s_and_the_sentence_has_the_error() {
    let failing = |now: Duration, vision: &mut Status| {
        vision.own.failed_in_a_row = (now - NOW).as_secs() * 2;
        vision.own.error = Some("arithmetic coding".into());
    };
    let reports = looks(10, failing);
    assert_eq!(found(&reports, Code::FramesUnreadable), Some(Duration::from_secs(3)));
    let last = reports.last().unwrap();
    assert_eq!((last.verdict, last.is_ready()), (Verdict::Unhealthy, false));
    let status =
        "Analysing: camera 10.0 fps; camera not analysed: arithmetic coding (20 in a row)";
    assert_eq!(last.status_line(), status);
    // One that cannot be decoded among others is not: nothing is late.
    let one_bad = |now: Duration, vision: &mut Status| {
        vision.own.failed("cut off".into());
        vision.own.last_analysed_at = Some(now - Duration::from_millis(500));
    };
    assert_eq!(found(&looks(20, one_bad), Code::FramesUnreadable), None);
}

#[test]
fn frames_that_no_worker_takes_are_found_within_10_s_and_it_heals_by_itself() {
    let stuck_for_20_s = |now: Duration, vision: &mut Status| {
        let is_stuck = (20..40).contains(&(now - NOW).as_secs());
        let at = if is_stuck { NOW + Duration::from_secs(20) } else { now };
        vision.own.analysed(Some(at));
    };
    let reports = looks(60, stuck_for_20_s);
    let noticed = found(&reports, Code::FramesNotAnalysed).unwrap();
    assert!(noticed > Duration::from_secs(20) && noticed <= Duration::from_secs(30));
    let healed = reports.iter().rev().take_while(|r| r.verdict == Verdict::Healthy).count();
    assert_eq!(healed, 41, "the last 20 s");
    assert_eq!(
        found(
            &looks(60, |now, vision| vision.own.analysed(Some(now))),
            Code::FramesNotAnalysed
        ),
        None
    );
}

#[test]
fn a_camera_that_was_just_opened_has_its_time() {
    let mut judge = Judge::default();
    for (second, state) in [(0, State::Paused), (60, State::Running), (67, State::Running)] {
        let now = NOW + Duration::from_secs(second);
        let camera = Status { state, last_media_at: Some(now), ..Status::default() };
        let vision = status(State::Running, Some(50));
        let components = vec![(ComponentId::Camera, camera), (ComponentId::Vision, vision)];
        let report = judge.judge(Facts { now, ..facts(components) });
        assert_eq!(report.verdict, Verdict::Healthy, "after {second} s: {:?}", report.findings);
    }
}

#[test]
fn the_digest_changes_with_what_others_act_upon_and_not_with_counters() {
    let base = || {
        let camera = status(State::Running, Some(0));
        let light = Status { on: Some(true), ..status(State::Running, None) };
        facts(vec![(ComponentId::Camera, camera), (ComponentId::Light, light)])
    };
    let digest = |facts: Facts| Judge::default().judge(facts).digest();
    let first = digest(base());
    let mut counted = base();
    counted.now += Duration::from_secs(1);
    counted.components[0].1.dropped_total = 7;
    counted.components[0].1.source = Some("another".into());
    assert_eq!(digest(counted), first);
    let changes: [fn(&mut Facts); 6] = [
        |facts| facts.interview.session_active = true,
        |facts| facts.components[0].1.state = State::Unavailable,
        |facts| facts.components[0].1.state = State::Off,
        |facts| facts.components[1].1.state = State::Unavailable,
        |facts| facts.components[1].1.on = Some(false),
        |facts| facts.findings.add(Finding::new(Code::DiskLow)),
    ];
    let mut earlier = vec![first];
    for (place, change) in changes.into_iter().enumerate() {
        let mut facts = base();
        change(&mut facts);
        let now = digest(facts);
        assert!(!earlier.contains(&now), "change {place}");
        earlier.push(now);
    }
}

/// Looks every half second while a session runs and its camera is analysed; `recorded_at` is when
/// rows reached the store last.
fn recorder_looks(
    seconds: u64,
    is_analysed: bool,
    recorded_at: impl Fn(Duration) -> Option<Duration>,
) -> Vec<Report> {
    let (mut judge, mut reports) = (Judge::default(), Vec::new());
    for half_s in 0..=2 * seconds {
        let now = NOW + Duration::from_millis(500 * half_s);
        let running = Status { state: State::Running, ..Status::default() };
        let camera = Status { last_media_at: Some(now), ..running.clone() };
        let mut vision = running.clone();
        vision.own.last_analysed_at = is_analysed.then_some(now);
        let recorder = Status { last_media_at: recorded_at(now), ..running };
        let components = vec![
            (ComponentId::Camera, camera),
            (ComponentId::Vision, vision),
            (ComponentId::Recorder, recorder),
        ];
        let mut facts = Facts { now, ..facts(components) };
        facts.interview.session_active = true;
        reports.push(judge.judge(facts));
    }
    reports
}

#[test]
fn a_session_that_is_analysed_and_not_recorded_is_found_within_10_s() {
    let never = recorder_looks(20, true, |_| None);
    let took = found(&never, Code::NotRecorded).unwrap();
    assert!(took <= Duration::from_secs(10), "{took:?}");
    assert_eq!(never.last().unwrap().verdict, Verdict::Unhealthy);
    // It was recorded for 5 s and then no more.
    let stopped = NOW + Duration::from_secs(5);
    let took =
        found(&recorder_looks(20, true, |now| Some(now.min(stopped))), Code::NotRecorded);
    assert!(took.unwrap() > Duration::from_secs(5) && took.unwrap() <= Duration::from_secs(15));
    assert_eq!(found(&recorder_looks(20, true, Some), Code::NotRecorded), None);
    assert_eq!(found(&recorder_looks(20, false, |_| None), Code::NotRecorded), None);
}

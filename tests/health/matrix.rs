//! The fault matrix: each way in which a component can be broken, and that /health, /health/ready,
//! systemd, MQTT and the fleet server's alert agree on it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use boothd::{
    booth_api,
    clock::Clock,
    component::{Component, State, Status},
    fleet::{AlertKind, alerts_of_health},
    health::{Code, ComponentId, Finding, Findings, Severity},
    media::ChannelFault,
    service::BoothStatus,
};
use serde_json::{Value, json};

use super::doors::{Doors, patient};

/// How often the booth is looked at.
const STEP: Duration = Duration::from_millis(500);

/// A booth that works, of which a case breaks one part.
struct Scene {
    doors: Doors,
    probed: Arc<Mutex<Findings>>,
}

/// The booth's health as every consumer renders it at one moment.
struct Rendered {
    status: String,
    codes: (u16, u16),
    findings: Vec<(String, String)>,
    systemd: String,
    mqtt: Value,
    alerts: Vec<AlertKind>,
}

impl Scene {
    async fn open() -> Self {
        let doors = Doors::open(patient()).await;
        let probed = Arc::new(Mutex::new(Findings::default()));
        let found = probed.clone();
        let probe = move |_, findings: &mut Findings| findings.merge(&found.lock().unwrap());
        doors.health.watch(probe);
        Scene { doors, probed }
    }

    fn component(&self, id: ComponentId) -> &Component {
        let components = self.doors.health.components();
        components.iter().find(|component| component.id() == id).unwrap()
    }

    fn set(&self, component: ComponentId, change: impl FnOnce(&mut Status)) {
        self.component(component).update(change);
    }

    /// All is well for one step, but for what `fault` does then.
    fn step(&self, fault: impl Fn(&Scene, Duration)) {
        self.doors.clock.advance(STEP);
        let now = self.doors.clock.monotonic();
        for (device, worker) in [
            (ComponentId::Camera, ComponentId::Vision),
            (ComponentId::Microphone, ComponentId::Speech),
        ] {
            self.component(device).media_passed(now);
            self.set(device, |status| status.unchanged_since = None);
            self.set(device, |status| status.received_total += 15);
            self.set(worker, |status| {
                status.state = State::Running;
                status.own.analysed(Some(now));
                status.own.black_since = None;
                status.own.turned_deg = None;
                status.own.offset_since = None;
                status.own.quiet_since = None;
                status.own.channel_fault = None;
            });
        }
        self.set(ComponentId::Store, |status| {
            (status.state, status.error) = (State::Running, None)
        });
        *self.probed.lock().unwrap() = Findings::default();
        fault(self, now);
        self.doors.health.look();
    }

    async fn render(&self) -> Rendered {
        let (code, health) = self.doors.json("/health").await;
        let (ready, body) = self.doors.json("/health/ready").await;
        assert_eq!(body["ready"], ready == 200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let findings = health["findings"].as_array().unwrap();
        let found = |f: &Value| (text(&f["code"]), text(&f["severity"]));
        let mqtt = booth_api::health_value(&self.doors.state, &*self.doors.clock);
        for key in ["status", "sentence", "findings", "digest"] {
            assert_eq!(mqtt[key], health[key], "{key}");
        }
        let status = BoothStatus { health: self.doors.health.clone() };
        Rendered {
            status: text(&health["status"]),
            codes: (code, ready),
            findings: findings.iter().map(found).collect(),
            systemd: status.look().sentence,
            alerts: alerts_of_health(&mqtt).into_keys().collect(),
            mqtt,
        }
    }
}

/// One way to be broken.
struct Case {
    code: Code,
    severity: Severity,
    alert: Option<AlertKind>,
    /// Breaks it, at each step.
    fault: fn(&Scene, Duration),
}

/// A fault of one of two sides.
const fn half(code: Code, alert: AlertKind, fault: fn(&Scene, Duration)) -> Case {
    Case { code, severity: Severity::Degraded, alert: Some(alert), fault }
}

fn since(component: ComponentId, scene: &Scene, now: Duration) {
    scene.set(component, |status| {
        let ago = status.restarts_total;
        status.unchanged_since = Some(now - STEP * u32::try_from(ago).unwrap());
        status.restarts_total += 1;
    });
}

/// Faults of components; what probes find is every other code of the catalog.
const CASES: &[Case] = &[
    half(Code::CameraAway, AlertKind::Camera, |scene, _| {
        scene.component(ComponentId::Camera).lost("unplugged; plug it in");
    }),
    half(Code::CameraSilent, AlertKind::Camera, |scene, now| {
        scene.set(ComponentId::Camera, |s| {
            s.last_media_at = Some(now - Duration::from_secs(10))
        });
    }),
    half(Code::CameraStopped, AlertKind::Camera, |scene, _| {
        scene.set(ComponentId::Camera, |s| s.state = State::Stopped);
    }),
    half(Code::CameraStarting, AlertKind::Camera, |scene, _| {
        scene.set(ComponentId::Camera, |s| s.state = State::Starting);
    }),
    half(Code::CameraFrozen, AlertKind::Camera, |scene, now| {
        since(ComponentId::Camera, scene, now);
    }),
    half(Code::CameraBlack, AlertKind::Camera, |scene, now| {
        scene.set(ComponentId::Vision, |s| {
            s.own.black_since = Some(now - Duration::from_secs(8))
        });
    }),
    half(Code::CameraTurned, AlertKind::Camera, |scene, _| {
        scene.set(ComponentId::Vision, |s| s.own.turned_deg = Some(180));
    }),
    half(Code::CameraErrors, AlertKind::Camera, |scene, _| {
        scene.set(ComponentId::Camera, |s| s.errors_total += 5);
    }),
    half(Code::MicrophoneAway, AlertKind::Microphone, |scene, _| {
        scene.component(ComponentId::Microphone).lost("unplugged; plug it in");
    }),
    half(Code::MicrophoneConstant, AlertKind::Microphone, |scene, now| {
        since(ComponentId::Microphone, scene, now);
    }),
    Case {
        code: Code::MicrophoneOffset,
        severity: Severity::Notice,
        alert: None,
        fault: |scene, now| {
            scene.set(ComponentId::Speech, |s| {
                s.own.offset_since = Some(now - Duration::from_secs(8));
                s.own.offset = -0.02;
            });
        },
    },
    Case {
        code: Code::MicrophoneChannels,
        severity: Severity::Notice,
        alert: None,
        fault: |scene, _| {
            scene.set(ComponentId::Speech, |s| {
                s.own.channel_fault = Some(ChannelFault::Opposite);
            });
        },
    },
    half(Code::MicrophoneQuiet, AlertKind::Microphone, |scene, now| {
        scene.set(ComponentId::Speech, |s| {
            s.own.quiet_since = Some(now.saturating_sub(Duration::from_secs(61)));
        });
    }),
    half(Code::FramesDamaged, AlertKind::Analysis, |scene, _| {
        scene.set(ComponentId::Vision, |s| {
            s.own.failed("cut off".into());
            s.own.failed_in_a_row = 1;
        });
    }),
    half(Code::FramesUnreadable, AlertKind::Analysis, |scene, _| {
        scene.set(ComponentId::Vision, |s| {
            s.own.last_analysed_at = None;
            s.own.failed("arithmetic coding".into());
            s.own.failed_in_a_row = 16;
        });
    }),
    half(Code::FramesNotAnalysed, AlertKind::Analysis, |scene, _| {
        scene.set(ComponentId::Vision, |s| s.own.last_analysed_at = None);
    }),
    half(Code::SoundNotAnalysed, AlertKind::Analysis, |scene, _| {
        scene.set(ComponentId::Speech, |s| s.own.last_analysed_at = None);
    }),
    half(Code::StoreAway, AlertKind::Store, |scene, _| {
        scene.component(ComponentId::Store).lost("the disk of the database is full; make room");
    }),
    Case {
        code: Code::VisionStopped,
        severity: Severity::Unhealthy,
        alert: Some(AlertKind::Analysis),
        fault: |scene, _| scene.set(ComponentId::Vision, |s| s.state = State::Stopped),
    },
    Case {
        code: Code::SpeechStopped,
        severity: Severity::Unhealthy,
        alert: Some(AlertKind::Analysis),
        fault: |scene, _| scene.set(ComponentId::Speech, |s| s.state = State::Stopped),
    },
];

#[tokio::test]
async fn every_fault_is_the_same_in_everything_that_reports_it() {
    for case in CASES {
        let scene = Scene::open().await;
        let healthy = well(&scene).await;
        // Ten seconds, as is promised.
        (0..20).for_each(|_| scene.step(case.fault));
        let rendered = scene.render().await;
        agrees(case.code, case.severity, case.alert, &rendered);
        assert_ne!(rendered.mqtt["digest"], healthy.mqtt["digest"], "{:?}", case.code);
        let again = well(&scene).await;
        assert_eq!(again.mqtt["digest"], healthy.mqtt["digest"], "{:?} heals", case.code);
    }
}

/// What no case above breaks is found by a probe; this holds for every code, also later ones.
#[tokio::test]
async fn what_a_probe_finds_is_the_same_in_everything_that_reports_it() {
    let scene = Scene::open().await;
    let healthy = well(&scene).await;
    for code in Code::ALL {
        let finding = Finding::new(*code).with("a fact");
        let (severity, raises_alert) = (finding.severity, finding.raises_alert());
        scene.step(|_, _| ());
        scene.probed.lock().unwrap().add(finding);
        let rendered = scene.render().await;
        assert_eq!(raises_alert, !rendered.alerts.is_empty(), "{code:?}");
        agrees(*code, severity, rendered.alerts.first().copied(), &rendered);
        assert_ne!(rendered.mqtt["digest"], healthy.mqtt["digest"], "{code:?}");
    }
}

async fn well(scene: &Scene) -> Rendered {
    (0..24).for_each(|_| scene.step(|_, _| ()));
    let rendered = scene.render().await;
    let none: [(String, String); 0] = [];
    assert_eq!((rendered.status.as_str(), rendered.codes), ("healthy", (200, 200)));
    assert_eq!((&rendered.findings[..], &rendered.alerts[..]), (&none[..], &[][..]));
    assert_eq!(rendered.systemd, "Analysing: camera 2.0 fps, microphone");
    rendered
}

fn agrees(code: Code, severity: Severity, alert: Option<AlertKind>, rendered: &Rendered) {
    let found = (code.name().to_owned(), severity.name().to_owned());
    assert_eq!(rendered.findings, [found], "{code:?}");
    let (status, http) = match severity {
        Severity::Notice => ("healthy", 200),
        Severity::Degraded => ("degraded", 200),
        Severity::Unhealthy => ("unhealthy", 503),
    };
    assert_eq!((rendered.status.as_str(), rendered.codes), (status, (http, http)), "{code:?}");
    let is_named = rendered.systemd.contains(code.what());
    assert_eq!(is_named, severity > Severity::Notice, "{code:?}: {}", rendered.systemd);
    let sentence = rendered.mqtt["sentence"].as_str().unwrap();
    assert_eq!(sentence.contains(code.what()), is_named, "{code:?}: {sentence}");
    assert_eq!(rendered.mqtt["status"], json!(rendered.status));
    assert_eq!(rendered.alerts, Vec::from_iter(alert), "{code:?}");
}

//! [`GuestLog`]: limits the rows that guests cause. Each guest's token has an allowance, so that no
//! guest can fill the database or hide the actions of operators in the audit log.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    clock::Clock,
    error::{Error, ErrorKind},
    http::RateLimit,
    interview::{Answer, AuditEvent, SessionLog},
    store::{NewSession, Role, SessionEnd, Token, TokenId},
};

/// Sessions that a guest's token may begin at once: twice the laptops that a booth serves.
const SESSIONS: f64 = 100.0;

/// Until it may begin one more.
const SESSION_EVERY: Duration = Duration::from_secs(180);

/// Pauses and switches of a guest's token that are listed one by one.
const AUDIT_EVENTS: f64 = 20.0;

/// Until one more is listed by itself; those in between are counted.
const AUDIT_EVENT_EVERY: Duration = Duration::from_secs(300);

const UNPOISONED: &str = "a holder of this lock panicked; see the earlier panic";

/// What each guest's token may still cause. One entry a token that was used, and tokens are an
/// operator's to make.
pub(super) struct Allowances {
    clock: Arc<dyn Clock>,
    by_token: Mutex<HashMap<TokenId, Allowance>>,
}

struct Allowance {
    name: String,
    sessions: RateLimit,
    events: RateLimit,
    unlisted: u64,
}

/// A guest's token.
#[derive(Clone)]
struct Guest {
    id: TokenId,
    name: String,
}

/// The log of one client's stream.
pub(super) struct GuestLog {
    log: Arc<dyn SessionLog>,
    allowances: Arc<Allowances>,
    /// The guest whose stream it is; `None`: an operator's.
    guest: Mutex<Option<Guest>>,
}

impl Allowances {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Allowances { clock, by_token: Mutex::default() }
    }

    /// What is due of what was only counted: an entry a token, as its allowance fills.
    pub(super) fn unlisted(&self) -> Vec<AuditEvent> {
        let now = self.clock.monotonic();
        let mut by_token = self.by_token.lock().expect(UNPOISONED);
        let due = |(id, allowance): (&TokenId, &mut Allowance)| allowance.unlisted(*id, now);
        by_token.iter_mut().filter_map(due).collect()
    }

    fn with<T>(&self, guest: &Guest, use_it: impl FnOnce(&mut Allowance, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        let mut by_token = self.by_token.lock().expect(UNPOISONED);
        let allowance = by_token.entry(guest.id).or_insert_with(|| Allowance {
            name: guest.name.clone(),
            sessions: RateLimit::new(SESSIONS, SESSION_EVERY, now),
            events: RateLimit::new(AUDIT_EVENTS, AUDIT_EVENT_EVERY, now),
            unlisted: 0,
        });
        use_it(allowance, now)
    }
}

impl Allowance {
    /// The entry for what was only counted, if there is room for it.
    fn unlisted(&mut self, id: TokenId, now: Duration) -> Option<AuditEvent> {
        if self.unlisted == 0 || !self.events.admits(now) {
            return None;
        }
        let detail = format!("{} more pauses, resumes and switches", self.unlisted);
        self.unlisted = 0;
        Some(AuditEvent {
            actor: self.name.clone(),
            action: "guest.unlisted",
            object: format!("token {id}"),
            detail: Some(detail),
        })
    }
}

impl GuestLog {
    pub(super) fn new(log: Arc<dyn SessionLog>, allowances: Arc<Allowances>) -> Self {
        GuestLog { log, allowances, guest: Mutex::default() }
    }

    /// Sets the owner of the stream.
    pub(super) fn belongs_to(&self, token: &Token) {
        let guest = (token.role == Role::Guest)
            .then(|| Guest { id: token.id, name: token.name.clone() });
        *self.guest.lock().expect(UNPOISONED) = guest;
    }

    fn guest(&self) -> Option<Guest> {
        self.guest.lock().expect(UNPOISONED).clone()
    }

    /// The guest, where it is the one who acts: an operator may act on its stream, too.
    fn acting(&self, actor: &str) -> Option<Guest> {
        self.guest().filter(|guest| guest.name == actor)
    }
}

impl SessionLog for GuestLog {
    fn begin(&self, new: NewSession) -> Answer<'_> {
        let admits = self.acting(&new.actor).is_none_or(|guest| {
            self.allowances.with(&guest, |allowance, now| allowance.sessions.admits(now))
        });
        if !admits {
            let what = format!(
                "this token has begun too many sessions; it may begin one more each {} minutes",
                SESSION_EVERY.as_secs() / 60
            );
            return Box::pin(async { Err(Error::new(ErrorKind::Exhausted, what)) });
        }
        // The id stays the guest's, also if an operator begins the session.
        let owner = self.guest().map(|guest| guest.id);
        self.log.begin(NewSession { owner, ..new })
    }

    fn end(&self, end: SessionEnd) -> Answer<'_> {
        self.log.end(end)
    }

    fn audit(&self, event: AuditEvent) -> Answer<'_> {
        let Some(guest) = self.acting(&event.actor) else { return self.log.audit(event) };
        let (before, is_listed) = self.allowances.with(&guest, |allowance, now| {
            let before = allowance.unlisted(guest.id, now);
            let is_listed = allowance.events.admits(now);
            allowance.unlisted += u64::from(!is_listed);
            (before, is_listed)
        });
        Box::pin(async move {
            if let Some(before) = before {
                self.log.audit(before).await?;
            }
            if is_listed { self.log.audit(event).await } else { Ok(()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SimulatedClock, store::StreamKind};

    /// Keeps what is written down.
    #[derive(Default)]
    struct Memory(Mutex<Vec<String>>);

    impl SessionLog for Memory {
        fn begin(&self, new: NewSession) -> Answer<'_> {
            let line = format!("begin by {} for {:?}", new.actor, new.owner);
            self.0.lock().unwrap().push(line);
            Box::pin(async { Ok(()) })
        }

        fn end(&self, _: SessionEnd) -> Answer<'_> {
            Box::pin(async { Ok(()) })
        }

        fn audit(&self, event: AuditEvent) -> Answer<'_> {
            let line = format!("{} {} {:?}", event.actor, event.action, event.detail);
            self.0.lock().unwrap().push(line);
            Box::pin(async { Ok(()) })
        }
    }

    struct Scene {
        memory: Arc<Memory>,
        clock: Arc<SimulatedClock>,
        allowances: Arc<Allowances>,
        log: GuestLog,
    }

    impl Scene {
        fn new() -> Self {
            let memory = Arc::new(Memory::default());
            let clock = Arc::new(SimulatedClock::default());
            let allowances = Arc::new(Allowances::new(clock.clone()));
            let log = GuestLog::new(memory.clone(), allowances.clone());
            log.belongs_to(&Token {
                id: TokenId(7),
                name: "laptop".into(),
                role: Role::Guest,
                session_id: None,
                created_at: 0,
                expires_at: None,
                revoked_at: None,
            });
            Scene { memory, clock, allowances, log }
        }

        fn lines(&self) -> usize {
            self.memory.0.lock().unwrap().len()
        }

        async fn pause(&self, actor: &str) {
            let (actor, object) = (actor.to_owned(), "session x".to_owned());
            let event = AuditEvent { actor, action: "session.pause", object, detail: None };
            self.log.audit(event).await.unwrap();
        }
    }

    fn begun(actor: &str) -> NewSession {
        NewSession {
            session_id: "x".parse().unwrap(),
            stream: StreamKind::Client,
            subject_ref: None,
            notice_version: "1".parse().unwrap(),
            consent_at: 1,
            started_at: 1,
            features: crate::features::Features::ALL,
            actor: actor.into(),
            owner: None,
        }
    }

    #[tokio::test]
    async fn a_guest_cannot_bury_what_operators_did() {
        let scene = Scene::new();
        for _ in 0..10_000 {
            scene.pause("laptop").await;
        }
        assert_eq!(scene.lines(), 20);
        scene.pause("Anna").await;
        assert_eq!(scene.lines(), 21, "an operator's event on the same stream is listed");
        assert!(scene.allowances.unlisted().is_empty());
        scene.clock.advance(AUDIT_EVENT_EVERY);
        let due = scene.allowances.unlisted();
        assert_eq!(due.len(), 1);
        assert_eq!((&*due[0].actor, &*due[0].object), ("laptop", "token 7"));
        let detail = due[0].detail.as_deref().unwrap();
        assert_eq!(detail, "9980 more pauses, resumes and switches");
        scene.clock.advance(10 * AUDIT_EVENT_EVERY);
        assert!(scene.allowances.unlisted().is_empty(), "listed once");
        scene.pause("laptop").await;
        assert_eq!(scene.lines(), 22, "and it is listed again");
    }

    #[tokio::test]
    async fn a_guest_begins_so_many_sessions_and_each_stays_its_own() {
        let scene = Scene::new();
        for _ in 0..100 {
            scene.log.begin(begun("laptop")).await.unwrap();
        }
        let refused = scene.log.begin(begun("laptop")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Exhausted);
        scene.log.begin(begun("Anna")).await.unwrap();
        scene.clock.advance(SESSION_EVERY);
        scene.log.begin(begun("laptop")).await.unwrap();
        assert!(scene.log.begin(begun("laptop")).await.is_err());
        let lines = scene.memory.0.lock().unwrap();
        assert_eq!(lines.len(), 102);
        assert!(lines.iter().all(|line| line.ends_with("Some(TokenId(7))")), "{lines:?}");
    }
}

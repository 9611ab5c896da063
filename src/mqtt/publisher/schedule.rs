//! [`Schedule`]: times of the publisher's periodic work and of its goodbye, and the work itself.

use std::{future::pending, time::Duration};

use serde_json::Value;
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::Publisher;
use crate::mqtt::{
    inflight::Published,
    message::Message,
    payload::{self, Status},
    topics::Topic,
};

/// Shortest interval between two publications of live metrics.
const LIVE_EVERY: Duration = Duration::from_secs(1);

/// Interval at which a change of the health is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Acknowledged rows wait this long for others: one write for many rows spares an SD card.
const DELETE_AFTER: Duration = Duration::from_millis(500);

/// Pause before a failed request to the store is repeated.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Time limit of leaving: for the outbox, then for the goodbye.
const LEAVE_PATIENCE: Duration = Duration::from_millis(900);

/// Live messages that may wait in the client: older ones are useless.
const MOST_UNSENT: usize = 2;

/// Due times of the publisher's work.
#[derive(Debug)]
pub(super) struct Schedule {
    retained_at: Instant,
    look_at: Instant,
    live_at: Instant,
    pub(super) read_at: Instant,
    delete_at: Option<Instant>,
    mark_at: Option<Instant>,
    /// Live results have changed since they were published.
    has_news: bool,
    is_live_over: bool,
    published_health: Option<Value>,
    /// Sequences of the live results that were published.
    published_live: [Option<u64>; 2],
    /// Set while leaving: until then the outbox may be emptied.
    leave_by: Option<Instant>,
    goodbye_by: Option<Instant>,
    pub(super) goodbye_answered: bool,
    has_disconnected: bool,
    pub(super) is_gone: bool,
}

impl Schedule {
    pub(super) fn new(now: Instant) -> Self {
        Schedule {
            retained_at: now,
            look_at: now,
            live_at: now,
            read_at: now,
            delete_at: None,
            mark_at: None,
            has_news: false,
            is_live_over: false,
            published_health: None,
            published_live: [None; 2],
            leave_by: None,
            goodbye_by: None,
            goodbye_answered: false,
            has_disconnected: false,
            is_gone: false,
        }
    }

    /// Records that all retained messages were published at `now`.
    pub(super) fn published_all(&mut self, now: Instant, again_after: Duration) {
        self.retained_at = now + again_after;
        self.look_at = now;
        self.published_health = None;
    }

    pub(super) fn read_later(&mut self, now: Instant) {
        self.read_at = now + STORE_PAUSE;
    }

    pub(super) fn delete_soon(&mut self, now: Instant) {
        self.delete_at.get_or_insert(now + DELETE_AFTER);
    }

    pub(super) fn delete_later(&mut self, now: Instant) {
        self.delete_at = Some(now + STORE_PAUSE);
    }

    pub(super) fn may_delete(&mut self, now: Instant) -> bool {
        let is_due = self.delete_at.is_none_or(|at| at <= now);
        if is_due {
            self.delete_at = None;
        }
        is_due
    }

    pub(super) fn mark_later(&mut self, now: Instant) {
        self.mark_at = Some(now + STORE_PAUSE);
    }

    pub(super) fn may_mark(&self, now: Instant) -> bool {
        self.mark_at.is_none_or(|at| at <= now)
    }

    /// Begins to leave: the outbox may be emptied for a moment, then the goodbye follows.
    pub(super) fn leave(&mut self, now: Instant) {
        self.leave_by.get_or_insert(now + LEAVE_PATIENCE);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leave_by.is_some()
    }
}

impl Publisher {
    /// Does everything that is due, then waits for one more thing. May be dropped at any await.
    pub(in crate::mqtt) async fn turn(&mut self) {
        let now = Instant::now();
        self.do_due(now);
        let wakes_at = self.wakes_at(now);
        let has_news = self.schedule.has_news;
        let is_live_over = self.schedule.is_live_over;
        select! {
            ((limit, newest_id), rows) = async {
                match &mut self.reading { Some(reading) => reading.done().await, None => pending().await }
            } => {
                self.reading = None;
                self.take_rows(limit, newest_id, rows);
            }
            (ids, deleted) = async {
                match &mut self.deleting { Some(deleting) => deleting.done().await, None => pending().await }
            } => {
                self.deleting = None;
                self.take_deleted(&ids, &deleted);
            }
            (id, reason, marked) = self.to_set_aside.marked() => self.take_marked(id, reason, marked),
            Ok(()) = self.set_aside.changed() => self.look_for_released(),
            Some(answer) = self.answers.recv(), if self.is_up => self.answer(answer),
            // The publisher holds the store and the interview, so their senders live.
            Ok(()) = self.outbox.changed(), if self.is_up => (),
            Ok(()) = self.booth.changed(), if self.is_up => {
                self.publish_features();
                self.publish_info();
            }
            changed = self.dependencies.live.changed(), if self.is_up && !has_news && !is_live_over => {
                self.schedule.has_news = changed.is_ok();
                self.schedule.is_live_over = changed.is_err();
            }
            () = sleep_until(wakes_at) => (),
        }
    }

    fn do_due(&mut self, now: Instant) {
        if self.is_up {
            if self.schedule.retained_at <= now {
                self.republish(now);
            }
            if self.schedule.look_at <= now {
                self.look_at_health(now);
            }
            if self.schedule.has_news && self.schedule.live_at <= now {
                self.publish_live(now);
            }
            if self.schedule.is_leaving() {
                self.publish_goodbye(now);
            }
            self.flush();
            self.rest(now);
            self.start_reading(now);
        }
        self.start_setting_aside(now);
        self.start_deleting(now);
    }

    /// Where nothing is in flight and nothing waits, no message is a suspect.
    fn rest(&mut self, now: Instant) {
        let is_idle = self.suspects.is_careful()
            && self.urgent.is_empty()
            && self.packets.is_quiet()
            && self.reading.is_none();
        if is_idle {
            let newest_id = self.outbox.borrow().map_or(0, |state| state.newest_id);
            let is_empty = self.window.look_after(newest_id, now).is_none();
            self.suspects.rest(is_empty);
        }
    }

    /// The next moment at which something is due by itself.
    fn wakes_at(&self, now: Instant) -> Instant {
        let schedule = &self.schedule;
        // A periodic look, so that no work is missed.
        let mut next = now + Duration::from_secs(60);
        let mut at = |when: Option<Instant>| next = when.map_or(next, |when| next.min(when));
        // While acknowledged rows are being deleted, the next deletion has no due time.
        at(schedule.delete_at.filter(|_| self.deleting.is_none()));
        at(schedule.mark_at.filter(|at| *at > now));
        if self.is_up {
            at(Some(schedule.retained_at));
            at(Some(schedule.look_at));
            at(schedule.has_news.then_some(schedule.live_at));
            at(schedule.leave_by.filter(|at| *at > now));
            at(schedule.goodbye_by.filter(|at| *at > now));
            if self.reading.is_none() && self.urgent.is_empty() {
                at(self.window.wakes_at().filter(|at| *at > now));
                at((schedule.read_at > now).then_some(schedule.read_at));
                let rate = self.rate.next_at();
                at((rate > now).then_some(rate));
            }
        }
        next
    }

    /// Publishes the status again: it corrects a late last will of an old connection.
    fn republish(&mut self, now: Instant) {
        if self.limits.has_retain {
            self.publish_status();
            self.schedule.published_all(now, self.config.republish_every);
        } else {
            // The broker retains nothing, so late subscribers need everything again.
            self.publish_retained(now);
        }
    }

    /// Publishes the health when its digest has changed, or when it is due again.
    fn look_at_health(&mut self, now: Instant) {
        self.schedule.look_at = now + LOOK_EVERY;
        let health = (self.dependencies.health)();
        // The digest leaves out what changes all the time: counters, ages, temperatures.
        let digest = health["digest"].clone();
        if self.schedule.published_health.as_ref() != Some(&digest) {
            self.schedule.published_health = Some(digest);
            self.push(Message::best_effort(Topic::Health.of(&self.config.name), &health));
        }
    }

    /// Publishes the newest live metrics, if they are new and the broker keeps up.
    fn publish_live(&mut self, now: Instant) {
        self.schedule.has_news = false;
        // A live message must not be in flight beside a suspect.
        if self.unsent > MOST_UNSENT || self.suspects.is_careful() {
            return;
        }
        let live = self.dependencies.live.borrow_and_update().clone();
        let video = live.visual_report().filter(|_| live.features.video);
        let audio = live.audio_report().filter(|_| live.features.audio);
        let video = video
            .map(|report| (report.sequence, Topic::MetricsVideo, serde_json::json!(report)));
        let audio = audio
            .map(|report| (report.sequence, Topic::MetricsAudio, serde_json::json!(report)));
        for (place, report) in [video, audio].into_iter().enumerate() {
            let Some((sequence, topic, report)) = report else { continue };
            if self.schedule.published_live[place] == Some(sequence) {
                continue;
            }
            let message = Message::live(topic.of(&self.config.name), &report);
            if self.must_skip(&message) {
                continue;
            }
            // A full channel loses it: the next is newer.
            if self.give(message) {
                self.schedule.published_live[place] = Some(sequence);
                self.schedule.live_at = now + LIVE_EVERY;
            }
        }
    }

    /// Once the outbox is empty, or its time is over: the last status, then the disconnect.
    fn publish_goodbye(&mut self, now: Instant) {
        let newest_id = self.outbox.borrow().map_or(0, |state| state.newest_id);
        let is_empty = self.reading.is_none()
            && self.window.is_quiet()
            && self.window.look_after(newest_id, now).is_none();
        let is_late = self.schedule.leave_by.is_some_and(|by| by <= now);
        match self.schedule.goodbye_by {
            None if is_empty || is_late => {
                let (status, since, reason) = match self.status {
                    (Status::Restarting, since, reason) => (Status::Restarting, since, reason),
                    _ => (Status::Offline, self.dependencies.clock.unix_ms(), Some("stopped")),
                };
                self.status = (status, since, reason);
                let boot_id = self.dependencies.store.boot_id();
                let payload = payload::status(status, Some(since), boot_id, reason);
                let topic = Topic::Status.of(&self.config.name);
                let goodbye = Message {
                    published: Published::Goodbye,
                    ..Message::state(topic, &payload)
                };
                self.push(goodbye);
                self.schedule.goodbye_by = Some(now + LEAVE_PATIENCE);
            }
            Some(by) if !self.schedule.has_disconnected => {
                if self.schedule.goodbye_answered || by <= now {
                    self.schedule.has_disconnected = self.client.try_disconnect().is_ok();
                    // If the queue has no room for it, the broker receives nothing.
                    self.schedule.is_gone |= !self.schedule.has_disconnected;
                }
            }
            None | Some(_) => (),
        }
    }
}

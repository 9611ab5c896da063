//! [`Link`]: one connection after another, for ever. Tells what is wrong once, waits, tries again.
//!
//! What the client library keeps of a lost connection is thrown away: it forgets it where the
//! broker has lost the session, and repeats it out of order where it has not. Who must not lose
//! a message keeps it himself and begins again after [`Happened::Up`].

use std::{sync::Arc, time::Duration};

use rumqttc::v5::{
    AsyncClient, Event, EventLoop,
    mqttbytes::v5::{ConnAck, Packet},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Identity, MqttConfig,
    connection::{self, CONNECT_TIMEOUT},
    failure,
};
use crate::{
    clock::Clock,
    stage::{Stage, State},
};

/// A connection, or the next attempt to make one.
pub struct Link {
    config: MqttConfig,
    client: AsyncClient,
    event_loop: EventLoop,
    stage: Arc<Stage>,
    clock: Arc<dyn Clock>,
    /// The trouble that was told last.
    told: Option<String>,
    /// Before the next attempt.
    pause: Duration,
    phase: Phase,
}

enum Phase {
    /// The next attempt is due then.
    Away(Instant),
    Up(Instant),
    /// It broke, and what it left behind is still to be told.
    Broken(String),
}

/// What a [`Link`] tells.
#[derive(Debug)]
pub enum Happened {
    /// Connected anew, with an empty queue: subscribe, and say again what nobody acknowledged.
    Up(Box<ConnAck>),
    /// Something came in or went out.
    Event(Box<Event>),
    /// The connection is lost, or there was none; the link tries again by itself.
    Down,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.config.address()).finish_non_exhaustive()
    }
}

impl Link {
    /// Connects at the first [`Link::next`].
    pub fn new(
        config: MqttConfig,
        identity: &Identity,
        stage: Arc<Stage>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let options = connection::options(&config, identity);
        let (client, event_loop) = AsyncClient::new(options, identity.queue);
        stage.update(|status| status.source = Some(config.address()));
        let pause = config.retry.0;
        let phase = Phase::Away(Instant::now());
        Link { config, client, event_loop, stage, clock, told: None, pause, phase }
    }

    /// For saying things; use its `try_` forms between [`Happened::Up`] and [`Happened::Down`].
    pub fn client(&self) -> AsyncClient {
        self.client.clone()
    }

    /// The next thing that happens. **Not cancel-safe**: pin it and wait for it beside others; a
    /// call that is dropped may lose what was just on its way.
    pub async fn next(&mut self) -> Happened {
        match &self.phase {
            Phase::Away(due) => {
                tokio::time::sleep_until(*due).await;
                if let Err(error) =
                    connection::refresh(&mut self.event_loop.options, &self.config)
                {
                    return self.fail(error.chain().to_string().replace('\n', "; "));
                }
            }
            Phase::Broken(_) => {
                // What came before the end still counts: acknowledgements above all.
                if let Some(event) = self.event_loop.state.events.pop_front() {
                    return Happened::Event(Box::new(event));
                }
                return self.clear();
            }
            Phase::Up(_) => (),
        }
        // A broker that takes nothing more blocks the library's own look at the time.
        let patience = self.event_loop.options.keep_alive() + CONNECT_TIMEOUT * 3;
        match timeout(patience, self.event_loop.poll()).await {
            Ok(Ok(Event::Incoming(Packet::ConnAck(accepted)))) => self.come_up(accepted),
            Ok(Ok(event)) => {
                if let Event::Incoming(Packet::PubAck(_) | Packet::PingResp(_)) = event {
                    let now = self.clock.monotonic();
                    self.stage.update(|status| status.last_media_at = Some(now));
                }
                Happened::Event(Box::new(event))
            }
            Ok(Err(error)) => {
                let sentence = failure::sentence(&error, &self.config, self.clock.is_set());
                self.break_off(sentence).await
            }
            Err(_) => {
                self.event_loop.clean();
                let address = self.config.address();
                let sentence = format!("{address} is connected but takes nothing any more");
                self.break_off(sentence).await
            }
        }
    }

    fn come_up(&mut self, accepted: ConnAck) -> Happened {
        self.phase = Phase::Up(Instant::now());
        let address = self.config.address();
        if self.told.take().is_some() {
            log::info!(target: "mqtt", broker = address.as_str(); "connected again");
        } else {
            log::info!(target: "mqtt", broker = address.as_str(); "connected");
        }
        self.stage.media_passed(self.clock.monotonic());
        Happened::Up(Box::new(accepted))
    }

    async fn break_off(&mut self, sentence: String) -> Happened {
        if let Phase::Up(since) = self.phase {
            let (least, most) = self.config.retry;
            // A broker that lets in and throws out at once is not asked every second.
            if since.elapsed() >= most {
                self.pause = least;
            }
            self.stage.update(|status| status.restarts_total += 1);
        }
        self.phase = Phase::Broken(sentence);
        // The loop of whoever waits here must always come to an await.
        sleep(Duration::ZERO).await;
        match self.event_loop.state.events.pop_front() {
            Some(event) => Happened::Event(Box::new(event)),
            None => self.clear(),
        }
    }

    /// Throws away what the library would repeat.
    fn clear(&mut self) -> Happened {
        self.event_loop.pending.clear();
        // The library keeps this over a reconnect, and then waits for ever for its turn.
        self.event_loop.state.collision = None;
        let phase = std::mem::replace(&mut self.phase, Phase::Away(Instant::now()));
        match phase {
            Phase::Broken(sentence) => self.fail(sentence),
            Phase::Away(_) | Phase::Up(_) => Happened::Down,
        }
    }

    /// Tells the trouble, once, and says when to try again.
    fn fail(&mut self, sentence: String) -> Happened {
        self.stage.update(|status| {
            status.state = State::Unavailable;
            status.error = Some(sentence.clone());
        });
        if self.told.as_ref() != Some(&sentence) {
            log::warn!(target: "mqtt", error = sentence.as_str(); "no connection to the broker; nothing is lost, and boothd tries on");
            self.told = Some(sentence);
        }
        let most = self.config.retry.1;
        self.phase = Phase::Away(Instant::now() + jittered(self.pause));
        self.pause = (self.pause * 2).min(most);
        Happened::Down
    }
}

/// Half of it to all of it, so that booths do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    // Without randomness of the system there is none here either.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

//! [`Link`]: connects, logs a failure once, waits and connects again, until it is dropped.
//!
//! The client library's state of a lost connection is discarded: the library forgets messages
//! where the broker has lost the session, and repeats them out of order where it has not. A user
//! that must not lose a message keeps it and sends it again after [`Happened::Up`].

use std::{sync::Arc, time::Duration};

use rumqttc::v5::{
    AsyncClient, ConnectionError, Event, EventLoop,
    mqttbytes::v5::{ConnAck, ConnAckProperties, ConnectReturnCode, Packet},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Identity, MqttConfig,
    connection::{self, CONNECT_TIMEOUT, Concessions},
    failure::{self, Circumstances, Loss},
};
use crate::{
    clock::Clock,
    component::{Component, State},
};

/// A connection, or the next attempt to make one.
pub struct Link {
    config: MqttConfig,
    identity: Identity,
    concessions: Concessions,
    client: AsyncClient,
    event_loop: EventLoop,
    component: Arc<Component>,
    clock: Arc<dyn Clock>,
    /// The last logged failure.
    logged: Option<String>,
    /// Before the next attempt.
    pause: Duration,
    phase: Phase,
}

enum Phase {
    /// Not connected; the next attempt is due at this time.
    Away(Instant),
    Up(Instant),
    /// The connection broke; its remaining events are still to be returned.
    Broken {
        sentence: String,
        loss: Loss,
    },
}

/// Events of a [`Link`].
#[derive(Debug)]
pub enum Happened {
    /// Connected, with an empty queue: subscribe, and publish again what is not acknowledged.
    Up(Box<ConnAck>),
    /// A packet was received or sent.
    Event(Box<Event>),
    /// The connection is lost, or there was none; the link tries again by itself.
    Down(Loss),
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
        component: Arc<Component>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let concessions = Concessions::default();
        let options = connection::options(&config, identity, concessions);
        let (client, event_loop) = AsyncClient::new(options, identity.queue);
        component.update(|status| status.source = Some(config.address()));
        let pause = config.retry.0;
        let phase = Phase::Away(Instant::now());
        let identity = identity.clone();
        Link {
            config,
            identity,
            concessions,
            client,
            event_loop,
            component,
            clock,
            logged: None,
            pause,
            phase,
        }
    }

    /// The client to publish with; use its `try_` forms between [`Happened::Up`] and
    /// [`Happened::Down`]: each connection has its own client.
    pub fn client(&self) -> AsyncClient {
        self.client.clone()
    }

    /// The next event. **Not cancel-safe**: pin it and wait for it beside others; a dropped call may
    /// lose an event.
    pub async fn next(&mut self) -> Happened {
        match &self.phase {
            Phase::Away(due) => {
                tokio::time::sleep_until(*due).await;
                if let Err(error) =
                    connection::refresh(&mut self.event_loop.options, &self.config)
                {
                    let sentence = error.chain().to_string().replace('\n', "; ");
                    return self.fail(sentence, Loss::SILENT);
                }
            }
            Phase::Broken { .. } => {
                // Packets received before the loss still count, above all acknowledgements.
                if let Some(event) = self.event_loop.state.events.pop_front() {
                    return Happened::Event(Box::new(event));
                }
                return self.clear();
            }
            Phase::Up(_) => (),
        }
        // A broker that stops reading blocks the library's own keep-alive check.
        let patience = self.event_loop.options.keep_alive() + CONNECT_TIMEOUT * 3;
        match timeout(patience, self.event_loop.poll()).await {
            Ok(Ok(Event::Incoming(Packet::ConnAck(accepted)))) => self.come_up(accepted),
            Ok(Ok(event)) => {
                if let Event::Incoming(Packet::PubAck(_) | Packet::PingResp(_)) = event {
                    let now = self.clock.monotonic();
                    self.component.update(|status| status.last_media_at = Some(now));
                }
                Happened::Event(Box::new(event))
            }
            Ok(Err(error)) => self.fail_with(&error).await,
            Err(_) => {
                self.event_loop.clean();
                let address = self.config.address();
                let sentence = format!("{address} is connected but takes nothing any more");
                self.break_off(sentence, Loss::SILENT).await
            }
        }
    }

    async fn fail_with(&mut self, error: &ConnectionError) -> Happened {
        if self.concede(error) {
            self.renew();
            self.phase = Phase::Away(Instant::now());
            return Happened::Down(Loss::SILENT);
        }
        let was_up = matches!(self.phase, Phase::Up(_));
        let loss = if was_up { Loss::of(error) } else { Loss::SILENT };
        let circumstances = Circumstances { is_clock_set: self.clock.is_set(), was_up };
        let sentence = failure::sentence(error, &self.config, circumstances);
        self.break_off(sentence, loss).await
    }

    /// A broker that refuses the last will as it is may take a lesser one; false when there is
    /// nothing more to give.
    fn concede(&mut self, error: &ConnectionError) -> bool {
        let ConnectionError::ConnectionRefused(code) = error else { return false };
        let conceded = match code {
            ConnectReturnCode::RetainNotSupported => &mut self.concessions.has_no_retain,
            ConnectReturnCode::QoSNotSupported => &mut self.concessions.has_no_acks,
            _ => return false,
        };
        !std::mem::replace(conceded, true)
    }

    fn come_up(&mut self, mut accepted: ConnAck) -> Happened {
        self.phase = Phase::Up(Instant::now());
        self.note_concessions(&mut accepted);
        // 0 switches off the broker's keep-alive check, not ours; the library would ping without a pause.
        if self.event_loop.options.keep_alive().is_zero() {
            self.event_loop.options.set_keep_alive(self.config.keep_alive);
        }
        let address = self.config.address();
        if self.logged.take().is_some() {
            log::info!(target: "mqtt", broker = address.as_str(); "connected again");
        } else {
            log::info!(target: "mqtt", broker = address.as_str(); "connected");
        }
        self.component.media_passed(self.clock.monotonic());
        Happened::Up(Box::new(accepted))
    }

    /// A property that the broker took only after a concession counts as its limit, announced or not.
    /// One that it does not announce is requested again on the next connection.
    fn note_concessions(&mut self, accepted: &mut ConnAck) {
        let Concessions { has_no_retain, has_no_acks } = self.concessions;
        let properties = accepted.properties.get_or_insert_with(no_properties);
        self.concessions = Concessions {
            has_no_retain: properties.retain_available == Some(0),
            has_no_acks: properties.max_qos == Some(0),
        };
        if has_no_retain {
            properties.retain_available = Some(0);
        }
        if has_no_acks {
            properties.max_qos = Some(0);
        }
    }

    /// The next attempt is due soon: what broke the connection is known, and is not repeated.
    pub fn retry_soon(&mut self) {
        self.pause = self.config.retry.0;
        if matches!(self.phase, Phase::Away(_)) {
            self.phase = Phase::Away(Instant::now() + jittered(self.pause));
        }
    }

    async fn break_off(&mut self, sentence: String, loss: Loss) -> Happened {
        if let Phase::Up(since) = self.phase {
            let (least, most) = self.config.retry;
            // Backs off from a broker that accepts and closes the connection at once.
            if since.elapsed() >= most {
                self.pause = least;
            }
            self.component.update(|status| status.restarts_total += 1);
        }
        self.phase = Phase::Broken { sentence, loss };
        // The caller's loop must always reach an await.
        sleep(Duration::ZERO).await;
        match self.event_loop.state.events.pop_front() {
            Some(event) => Happened::Event(Box::new(event)),
            None => self.clear(),
        }
    }

    /// Throws away what the library would repeat, and all that it has learned of the connection:
    /// what waits for its turn, the broker's limits, its keep alive, the place in its packet ids
    /// (which would run past a Receive Maximum that has become smaller).
    fn renew(&mut self) {
        let options = connection::options(&self.config, &self.identity, self.concessions);
        (self.client, self.event_loop) = AsyncClient::new(options, self.identity.queue);
    }

    fn clear(&mut self) -> Happened {
        self.renew();
        let phase = std::mem::replace(&mut self.phase, Phase::Away(Instant::now()));
        match phase {
            Phase::Broken { sentence, loss } => self.fail(sentence, loss),
            Phase::Away(_) | Phase::Up(_) => Happened::Down(Loss::SILENT),
        }
    }

    /// Logs the failure once, and sets the time of the next attempt.
    fn fail(&mut self, sentence: String, loss: Loss) -> Happened {
        self.component.update(|status| {
            status.state = State::Unavailable;
            status.error = Some(sentence.clone());
        });
        if self.logged.as_ref() != Some(&sentence) {
            log::warn!(target: "mqtt", error = sentence.as_str(); "no connection to the broker; nothing is lost, and boothd tries on");
            self.logged = Some(sentence);
        }
        let most = self.config.retry.1;
        self.phase = Phase::Away(Instant::now() + jittered(self.pause));
        self.pause = (self.pause * 2).min(most);
        Happened::Down(loss)
    }
}

/// Half of it to all of it, so that booths do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    // Without the system's randomness there is no jitter.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + (pause / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// The properties of a CONNACK without any.
pub(super) fn no_properties() -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval: None,
        receive_max: None,
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}

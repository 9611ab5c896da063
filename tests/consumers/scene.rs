//! The booth `berlin/booth-1` on the bundled clip, its broker, and the board of its messages.

use serde_json::Value;

use super::{
    board::Board,
    daemon::{BOOTHD, Daemon},
    doubles::Booth,
    fleet::Broker,
};

/// The topics of the booth.
pub(crate) const BASE: &str = "boothd/v1/berlin/booth-1";

pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) board: Board,
    booth: Booth,
}

impl Scene {
    /// The broker alone.
    pub(crate) async fn start() -> Self {
        let broker = Broker::roomy();
        let board = Board::join(&broker).await;
        Scene { broker, board, booth: Booth::new() }
    }

    /// A booth without devices, so that the clip plays.
    pub(crate) fn daemon(&self, settings: &[&str]) -> Daemon {
        let broker = format!("mqtt.broker=mqtt://127.0.0.1:{}", self.broker.port);
        let own = ["audio.device=mic", "mqtt.site=berlin", "booth.id=booth-1", &*broker];
        Daemon::start(self.booth.command(&*BOOTHD), &[&own[..], settings].concat())
    }

    /// The newest payload of one of the booth's topics; what is missing where none came yet.
    pub(crate) fn newest(&self, topic: &str) -> Result<Value, String> {
        let received = self.board.newest(&format!("{BASE}/{topic}"));
        received
            .map(|received| received.json())
            .ok_or_else(|| format!("the booth has published no {topic}"))
    }
}

/// Whether both are the same JSON; one that writes 1.0 means what another does by 1.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-12 * one.abs().max(1.0)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_there =
                |(key, a): (&String, &Value)| other.get(key).is_some_and(|b| is_same(a, b));
            one.len() == other.len() && one.iter().all(is_there)
        }
        (one, other) => one == other,
    }
}

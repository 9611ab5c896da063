//! [`probe`]: what the monitor finds of the way to the broker beside its connection.

use tokio::sync::watch;

use super::limits::{Delivery, Notice};
use crate::{
    health::{Code, Finding, Findings, Probe},
    store::SetAside,
};

/// What the broker does not let through, and which rows are set aside.
pub fn probe(
    delivery: watch::Receiver<Delivery>,
    set_aside: watch::Receiver<SetAside>,
) -> impl Probe {
    move |_, findings: &mut Findings| {
        let aside = set_aside.borrow().clone();
        if aside.rows > 0 {
            let reason = aside.reason.as_deref().unwrap_or("the broker refused it");
            let detail = format!("{}; the oldest: {reason}", aside.rows);
            findings.add(Finding::new(Code::MqttSetAside).because(detail));
        }
        let notices = delivery.borrow().notices.clone();
        let (faults, limits): (Vec<_>, Vec<_>) =
            notices.into_iter().partition(|notice| notice.limit.is_fault());
        for (code, notices) in [(Code::MqttRefused, faults), (Code::MqttLimited, limits)] {
            if let Some(detail) = summary(&notices) {
                findings.add(Finding::new(code).because(detail));
            }
        }
    }
}

fn summary(notices: &[Notice]) -> Option<String> {
    let [first, rest @ ..] = notices else { return None };
    Some(match rest.len() {
        0 => first.sentence.clone(),
        more => format!("{} (and {more} more of the kind)", first.sentence),
    })
}

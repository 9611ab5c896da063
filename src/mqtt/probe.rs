//! [`probe`]: findings about the delivery to the broker, beside the connection itself.

use tokio::sync::watch;

use super::limits::{Delivery, Notice};
use crate::{
    health::{Code, Finding, Findings, Probe},
    store::SetAside,
};

/// Findings about the broker's limits and about rows that are set aside.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mqtt::limits::Limit;

    #[test]
    fn what_the_broker_does_not_take_is_found_until_it_takes_it() {
        let (sender, delivery) = watch::channel(Delivery::default());
        let (counted, set_aside) = watch::channel(SetAside::default());
        let mut probe = probe(delivery, set_aside);
        let mut found = || {
            let mut findings = Findings::default();
            probe.look(Duration::ZERO, &mut findings);
            findings.sorted().iter().map(|f| (f.code, f.sentence())).collect::<Vec<_>>()
        };
        assert_eq!(found(), []);
        let notice = |limit| Notice { limit, sentence: format!("{} holds", limit.name()) };
        let notices = [Limit::MaximumQos, Limit::RetainAvailable, Limit::MessageSize];
        sender.send_replace(Delivery { notices: notices.map(notice).into() });
        counted.send_modify(|aside| aside.rows = 2);
        let all = found();
        let codes: Vec<_> = all.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [Code::MqttSetAside, Code::MqttRefused, Code::MqttLimited]);
        assert!(all[0].1.contains('2'), "{all:?}");
        assert!(all[1].1.contains("maximum_qos holds (and 1 more of the kind)"), "{all:?}");
        assert!(all[2].1.contains("retain_available holds"), "{all:?}");
        sender.send_replace(Delivery::default());
        counted.send_modify(|aside| aside.rows = 0);
        assert_eq!(found(), []);
    }
}

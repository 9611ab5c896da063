use serde_json::json;

use super::*;

fn finding(component: &str, severity: &str) -> Value {
    json!({ "component": component, "severity": severity, "sentence": format!("{component} fails") })
}

#[test]
fn each_finding_raises_the_alert_of_its_component_and_a_notice_none() {
    let health = |findings: &[Value]| alerts_of_health(&json!({ "findings": findings }));
    assert!(health(&[finding("clock", "notice")]).is_empty());
    let mut guessed = finding("access", "notice");
    guessed["alert"] = true.into();
    assert!(health(&[guessed]).contains_key(&AlertKind::Access));
    for component in ComponentId::ALL {
        let alerts = health(&[finding(component.name(), "degraded")]);
        assert_eq!(alerts.len(), 1, "{component:?}");
        assert!(!alerts.contains_key(&AlertKind::Other), "{component:?}");
    }
    let unknown = health(&[finding("a_later_part", "degraded")]);
    assert_eq!(unknown[&AlertKind::Other], "a_later_part fails");
    let two = [finding("store", "unhealthy"), finding("disk", "degraded")];
    assert_eq!(health(&two)[&AlertKind::Store], "store fails", "the worst of a kind");
}

#[test]
fn what_a_hostile_booth_writes_is_short_or_left_out() {
    let long = json!({ "component": "store", "severity": 7, "sentence": "x".repeat(10_000) });
    let alerts = alerts_of_health(&json!({ "findings": [long, 5, { "component": [] }] }));
    assert_eq!(alerts[&AlertKind::Store].len(), MAX_DETAIL_CHARS);
    assert_eq!(alerts.len(), 1);
    assert!(alerts_of_health(&json!({ "findings": "none" })).is_empty());
}

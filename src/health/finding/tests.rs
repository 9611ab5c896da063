use std::collections::BTreeSet;

use super::*;

#[test]
fn every_code_has_a_name_of_its_own_and_a_remedy() {
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(!code.what().is_empty() && !code.remedy().is_empty(), "{code:?}");
        let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(code.name().chars().all(is_word), "{code:?}");
    }
}

#[test]
fn an_error_brings_its_own_remedy_and_stays_on_one_line() {
    let finding = Finding::new(Code::CameraAway).because("no camera\nis there; plug one in");
    assert_eq!(finding.brief(), "camera away: no camera; is there; plug one in");
    assert_eq!(finding.sentence(), finding.brief());
    let full = Finding::new(Code::DiskLow).with("12 MiB left");
    let sentence = "the disk is nearly full: 12 MiB left; make room, or keep less \
                    (store.retention_days)";
    assert_eq!(full.sentence(), sentence);
}

#[test]
fn the_same_code_is_found_once_and_the_worst_comes_first() {
    let mut findings = Findings::default();
    let away = || Finding::new(Code::CameraAway);
    findings.extend([away(), Finding::new(Code::ClockUnset)]);
    findings.extend([away().as_severe_as(Severity::Unhealthy), away()]);
    findings.add(Finding::new(Code::DiskLow));
    let sorted = findings.sorted();
    let found: Vec<_> = sorted.iter().map(|f| (f.code, f.severity)).collect();
    let expected = [
        (Code::CameraAway, Severity::Unhealthy),
        (Code::DiskLow, Severity::Degraded),
        (Code::ClockUnset, Severity::Notice),
    ];
    assert_eq!(found, expected);
}

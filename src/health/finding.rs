//! [`Finding`]: one thing that is wrong with one component.

use super::{
    ComponentId,
    code::{Code, Severity},
};

/// One thing that is wrong now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How much of the booth's job it costs here and now.
    pub severity: Severity,
    /// What is particular to this instance: a device's error, a number, a name.
    pub detail: Option<String>,
    /// The detail is an error that holds its own remedy.
    has_own_remedy: bool,
}

impl Finding {
    /// The finding of that code, as severe as the catalog has it.
    pub fn new(code: Code) -> Self {
        let severity = code.entry().severity;
        Finding { code, severity, detail: None, has_own_remedy: false }
    }

    /// The same with a detail for its sentence.
    #[must_use]
    pub fn with(self, fact: impl Into<String>) -> Self {
        Finding { detail: Some(fact.into()), has_own_remedy: false, ..self }
    }

    /// The same with the error behind it. boothd's errors hold their own remedy, which replaces the
    /// catalog's.
    #[must_use]
    pub fn because(self, error: impl Into<String>) -> Self {
        Finding { detail: Some(error.into()), has_own_remedy: true, ..self }
    }

    /// The same, as severe as this.
    #[must_use]
    pub fn as_severe_as(self, severity: Severity) -> Self {
        Finding { severity, ..self }
    }

    /// The component it is about.
    pub fn component(&self) -> ComponentId {
        self.code.component()
    }

    /// The fleet server raises an alert for it: it costs part of the booth's job, or a person must
    /// look at it though the booth works.
    pub fn raises_alert(&self) -> bool {
        let is_watched = matches!(self.code, Code::TokensGuessed | Code::ClockDisputed);
        self.severity > Severity::Notice || is_watched
    }

    /// What is wrong, on one line: for a status line. The text of a device must not begin a line of
    /// its own.
    pub fn brief(&self) -> String {
        let what = self.code.what();
        match &self.detail {
            Some(detail) => format!("{what}: {}", detail.replace(['\n', '\r'], "; ")),
            None => what.to_owned(),
        }
    }

    /// What is wrong and what to do, on one line.
    pub fn sentence(&self) -> String {
        if self.has_own_remedy {
            self.brief()
        } else {
            format!("{}; {}", self.brief(), self.code.remedy())
        }
    }
}

/// The findings of one look.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding. Of two with the same code the worse stays.
    pub fn add(&mut self, finding: Finding) {
        match self.0.iter_mut().find(|known| known.code == finding.code) {
            Some(known) if known.severity < finding.severity => *known = finding,
            Some(_) => (),
            None => self.0.push(finding),
        }
    }

    /// Adds all findings of another look.
    pub fn merge(&mut self, others: &Findings) {
        self.extend(others.0.iter().cloned());
    }

    /// Worst first; of equal severity in the order of the catalog.
    pub(crate) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.code));
        self.0
    }
}

impl Extend<Finding> for Findings {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}

#[cfg(test)]
mod tests;

//! [`Suspects`]: finds the message at which the broker closes the connection. Pure.
//!
//! After a loss with several messages unanswered, messages go one at a time: then the one that is
//! unanswered at the next loss is the culprit, whatever else was in flight before. A broker that
//! only restarts, hangs or is slow makes no message a suspect twice: the count of a message ends
//! with its answer.

use std::collections::BTreeMap;

use super::failure::Loss;

/// Losses with the same single message unanswered, after which it is the culprit.
pub(super) const MAX_LOSSES: u32 = 3;

/// Messages under suspicion. A connection that breaks has at most some dozens on the way.
const MAX_SUSPECTS: usize = 256;

/// A message that waits for its answer, as far as it can be known again.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Suspect {
    /// A row of the outbox.
    Row(i64),
    /// Messages of that topic.
    Topic(String),
    /// The subscription to commands.
    Subscription,
}

/// Evidence against a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// The broker refused it in an answer that the client library cannot read.
    Code(u8),
    /// The connection was closed so often while only it was unanswered.
    Losses(u32),
}

/// Messages under suspicion, with their number of losses.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    losses: BTreeMap<Suspect, u32>,
    is_careful: bool,
    /// Once this row or a later one has its answer, none before it is a suspect any more.
    newest_row: Option<i64>,
}

impl Suspects {
    /// Messages must go one at a time.
    pub(super) fn is_careful(&self) -> bool {
        self.is_careful
    }

    /// A connection was lost while these, oldest first, had no answer; the culprit, if it is
    /// known now.
    pub(super) fn lost(
        &mut self,
        unanswered: &[Suspect],
        loss: &Loss,
    ) -> Option<(Suspect, Proof)> {
        if unanswered.is_empty() || !loss.is_closed {
            return None;
        }
        self.is_careful = true;
        let rows = unanswered.iter().filter_map(Suspect::row);
        self.newest_row = self.newest_row.max(rows.max());
        let [one] = unanswered else { return None };
        let proof = match loss.refused {
            Some(code) => Proof::Code(code),
            None => {
                if self.losses.len() >= MAX_SUSPECTS {
                    self.losses.clear();
                }
                let losses = self.losses.entry(one.clone()).or_default();
                *losses += 1;
                Proof::Losses(*losses)
            }
        };
        if proof == Proof::Losses(MAX_LOSSES) || matches!(proof, Proof::Code(_)) {
            self.answered(one);
            return Some((one.clone(), proof));
        }
        None
    }

    /// The broker has answered, in whatever way: it does not close the connection at that message.
    pub(super) fn answered(&mut self, suspect: &Suspect) {
        self.losses.remove(suspect);
        if suspect.row() >= self.newest_row {
            self.newest_row = None;
        }
    }

    /// Nothing is on the way now. `is_empty`: no row waits either.
    pub(super) fn rest(&mut self, is_empty: bool) {
        if is_empty || self.newest_row.is_none() {
            self.is_careful = false;
            self.newest_row = None;
        }
    }
}

impl Suspect {
    fn row(&self) -> Option<i64> {
        match self {
            Suspect::Row(id) => Some(*id),
            Suspect::Topic(_) | Suspect::Subscription => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: Loss = Loss { is_closed: true, refused: None };

    #[test]
    fn a_culprit_is_found_among_others_and_the_innocent_go_free() {
        let (mut suspects, row) = (Suspects::default(), Suspect::Row);
        assert_eq!(suspects.lost(&[row(1), row(2), row(3)], &CLOSED), None);
        assert!(suspects.is_careful());
        suspects.answered(&row(1));
        suspects.rest(false);
        assert!(suspects.is_careful(), "2 and 3 have no answer yet");
        for losses in 1..=MAX_LOSSES {
            let culprit = (row(2), Proof::Losses(losses));
            let expected = (losses == MAX_LOSSES).then_some(culprit);
            assert_eq!(suspects.lost(&[row(2)], &CLOSED), expected);
        }
        suspects.answered(&row(3));
        suspects.rest(false);
        assert!(!suspects.is_careful());
    }

    #[test]
    fn an_answer_ends_the_count_and_a_code_needs_none() {
        let (mut suspects, status) = (Suspects::default(), Suspect::Topic("status".into()));
        for _ in 0..9 {
            assert_eq!(suspects.lost(std::slice::from_ref(&status), &CLOSED), None);
            suspects.answered(&status);
            suspects.rest(false);
            assert!(!suspects.is_careful());
        }
        let too_large = Loss { refused: Some(0x95), ..CLOSED };
        let expected = Some((Suspect::Row(7), Proof::Code(0x95)));
        assert_eq!(suspects.lost(&[Suspect::Row(7)], &too_large), expected);
        assert_eq!(suspects.lost(&[Suspect::Row(7), Suspect::Row(8)], &too_large), None);
    }

    #[test]
    fn a_failing_network_makes_no_message_the_culprit() {
        let mut suspects = Suspects::default();
        let away = Loss { is_closed: false, refused: None };
        for _ in 0..9 {
            assert_eq!(suspects.lost(&[Suspect::Row(1)], &away), None);
            assert_eq!(suspects.lost(&[], &CLOSED), None);
        }
        assert!(!suspects.is_careful());
    }

    #[test]
    fn rows_that_were_erased_do_not_keep_it_careful() {
        let mut suspects = Suspects::default();
        suspects.lost(&[Suspect::Row(1), Suspect::Row(2)], &CLOSED);
        suspects.rest(true);
        assert!(!suspects.is_careful());
    }
}

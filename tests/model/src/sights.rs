//! What is worth seeing on the way: a model in which it never happens would prove nothing.

use crate::state::{Answer, At, Call, Reason, State, Who};
use crate::steps::Step;

/// Something that a good model brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are sentences")]
pub enum Sight {
    BatchDelivered,
    BatchReplayed,
    BatchFailed,
    RefusedForCoins,
    RefusedForRoom,
    RefusedAsRunning,
    RefusedForItsBody,
    OutcomeNotKnown,
    OwnLostHoldRecognised,
    LostHoldUndone,
    LostSettleFoundByRetry,
    LostSettleFoundByRelease,
    BalanceMovedUnderSettle,
    LateBatchDiscarded,
    HoldExpiredBySomebodyElse,
    KeyTakenOverAfterExpiry,
    FailedKeyTriedAgain,
    HoldAppliedLate,
    SettleAppliedLate,
    LateSettleRefused,
    TopUpCredited,
    TopUpFoundCredited,
    BalanceMovedUnderTopUp,
    ThreeHoldsAtOnce,
}

impl Sight {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::BatchDelivered,
        Self::BatchReplayed,
        Self::BatchFailed,
        Self::RefusedForCoins,
        Self::RefusedForRoom,
        Self::RefusedAsRunning,
        Self::RefusedForItsBody,
        Self::OutcomeNotKnown,
        Self::OwnLostHoldRecognised,
        Self::LostHoldUndone,
        Self::LostSettleFoundByRetry,
        Self::LostSettleFoundByRelease,
        Self::BalanceMovedUnderSettle,
        Self::LateBatchDiscarded,
        Self::HoldExpiredBySomebodyElse,
        Self::KeyTakenOverAfterExpiry,
        Self::FailedKeyTriedAgain,
        Self::HoldAppliedLate,
        Self::SettleAppliedLate,
        Self::LateSettleRefused,
        Self::TopUpCredited,
        Self::TopUpFoundCredited,
        Self::BalanceMovedUnderTopUp,
        Self::ThreeHoldsAtOnce,
    ];
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sights(u32);

impl Sights {
    /// Whether `sight` was seen.
    pub fn has(self, sight: Sight) -> bool {
        self.0 & (1 << sight as u32) != 0
    }

    /// What either saw.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn add(&mut self, sight: Sight) {
        self.0 |= 1 << sight as u32;
    }

    /// Looks at one step.
    pub fn note(&mut self, before: &State, step: Step, after: &State) {
        let is_new = before.items != after.items;
        match step {
            Step::IsAnswered(who, call) => self.note_answered(before, who, call, after),
            Step::ArrivesLate(_, Call::Hold) if is_new => self.add(Sight::HoldAppliedLate),
            Step::ArrivesLate(_, Call::Settle { .. }) if is_new => self.add(Sight::SettleAppliedLate),
            Step::ArrivesLate(_, Call::Settle { .. }) => self.add(Sight::LateSettleRefused),
            Step::RunsOutOfTime(_) => self.add(Sight::OutcomeNotKnown),
            _ => {}
        }
        if after.items.profile.holds.len() == 3 {
            self.add(Sight::ThreeHoldsAtOnce);
        }
    }

    fn note_answered(&mut self, before: &State, who: Who, call: Call, after: &State) {
        let process = |state: &State| *{ *state }.process(who);
        let (was, now) = (process(before).at, process(after).at);
        let is_new = before.items != after.items;
        match (was, now) {
            (At::Hold, At::AskFal(_)) if !is_new => self.add(Sight::OwnLostHoldRecognised),
            (At::Hold, At::AskFal(_)) => self.note_second_attempt(before, after),
            (At::Settle(_), At::Settle(_)) => self.add(Sight::BalanceMovedUnderSettle),
            (At::Settle(_), At::Done(Answer::Delivered(_))) if !is_new => {
                self.add(Sight::LostSettleFoundByRetry)
            }
            (At::Release(_), At::Done(Answer::Delivered(_))) => self.add(Sight::LostSettleFoundByRelease),
            (At::Release(Reason::LostHold), _) if is_new => self.add(Sight::LostHoldUndone),
            (At::TopUp(_), At::ReadBalance) => self.add(Sight::BalanceMovedUnderTopUp),
            (At::TopUp(_), At::Done(_)) if !is_new => self.add(Sight::TopUpFoundCredited),
            (At::TopUp(_), At::Done(_)) => self.add(Sight::TopUpCredited),
            _ => {}
        }
        if matches!(call, Call::Expire { .. }) && is_new {
            self.add(Sight::HoldExpiredBySomebodyElse);
        }
        match now {
            At::Done(Answer::Delivered(_)) => self.add(Sight::BatchDelivered),
            At::Done(Answer::Replayed(_)) => self.add(Sight::BatchReplayed),
            At::Done(Answer::Failed) => self.add(Sight::BatchFailed),
            At::Done(Answer::InsufficientCoins) => self.add(Sight::RefusedForCoins),
            At::Done(Answer::TooManyGenerations) => self.add(Sight::RefusedForRoom),
            At::Done(Answer::InProgress) => self.add(Sight::RefusedAsRunning),
            At::Done(Answer::KeyReused) => self.add(Sight::RefusedForItsBody),
            At::Done(Answer::LeaseLost) => self.add(Sight::LateBatchDiscarded),
            _ => {}
        }
    }

    /// A hold over an ended attempt.
    fn note_second_attempt(&mut self, before: &State, after: &State) {
        use crate::state::Status::{Expired, Failed};
        for (was, now) in before.items.generations.iter().zip(&after.items.generations) {
            match was.filter(|_| was != now).map(|was| was.status) {
                Some(Failed) => self.add(Sight::FailedKeyTriedAgain),
                Some(Expired) => self.add(Sight::KeyTakenOverAfterExpiry),
                _ => {}
            }
        }
    }
}

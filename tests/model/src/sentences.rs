//! States and steps in words, for a counterexample.

use std::fmt;

use crate::state::{At, Call, Generation, Items, Who};
use crate::steps::Step;

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("hold"),
            Self::Settle { before } => write!(f, "settle out of {before}"),
            Self::Release => f.write_str("release"),
            Self::Expire { of } => write!(f, "expiry of {}", Who::Request(*of)),
            Self::TopUp { before } => write!(f, "addition to {}", before.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsAnswered(who, call) => write!(f, "{who}: its {call} arrives and is answered"),
            Self::LosesReply(who, call) => write!(f, "{who}: its {call} is applied, and the reply is lost"),
            Self::Straggles(who, call) => write!(f, "{who}: its {call} is under way for too long"),
            Self::IsRemembered(who, call) => write!(f, "{who}: its {call} is sent again under its token"),
            Self::GivesUp(who, call) => write!(f, "{who}: its {call} has no decision in all tries"),
            Self::RunsOutOfTime(who) => write!(f, "{who}: its time is up"),
            Self::ReadsBalance(who) => write!(f, "{who} reads the balance"),
            Self::FalDelivers(who) => write!(f, "{who}: fal delivers"),
            Self::FalFails(who) => write!(f, "{who}: fal fails"),
            Self::ArrivesLate(who, call) => write!(f, "{who}: an old {call} arrives after all"),
            Self::LeasePasses(attempt) => write!(f, "{}: its lease passes", Who::Request(*attempt)),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("goes to hold"),
            Self::Expire(_) => f.write_str("goes to expire what is in its way"),
            Self::AskFal(None) => f.write_str("asks fal"),
            Self::AskFal(Some(balance)) => write!(f, "saw a balance of {balance}"),
            Self::Settle(_) => f.write_str("goes to settle"),
            Self::Release(reason) => write!(f, "goes to release ({reason:?})"),
            Self::ReadBalance => f.write_str("goes to read the balance"),
            Self::TopUp(_) => f.write_str("goes to add its coins"),
            Self::Done(answer) => write!(f, "answers {answer:?}"),
            Self::Absent => f.write_str("is absent"),
        }
    }
}

impl fmt::Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balance = self.profile.balance.unwrap_or_default();
        write!(f, "balance {balance}, available {}", self.profile.available())?;
        for holder in self.profile.holds.iter() {
            write!(f, ", held by {}", Who::Request(holder))?;
        }
        for (key, generation) in ('A'..).zip(self.generations) {
            if let Some(Generation { attempt, status, .. }) = generation {
                write!(f, "; {key} {status:?} by {}", Who::Request(attempt))?;
            }
        }
        let sum: i8 = self.charges.iter().chain(&self.top_ups).flatten().map(|entry| entry.delta).sum();
        write!(f, "; ledger {sum:+}")
    }
}

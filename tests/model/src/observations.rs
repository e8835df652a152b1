//! Events that the search must meet: a model in which they never happen would prove nothing.

use strum::VariantArray;

use crate::jobs::{Job, QUEUE_KEY, Task};
use crate::processes::Reply;
use crate::state::{Call, Reason, Response, Stage, State, Status, VISITOR};
use crate::steps::Step;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub enum Observation {
    BatchDelivered,
    BatchReplayed,
    BatchFailed,
    RefusedForTooFewCoins,
    RefusedForTooManyGenerations,
    RefusedForTooManyFailures,
    RefusedAsInProgress,
    RefusedForItsBody,
    OutcomeUnknown,
    OwnLostHoldRecognised,
    LostHoldReleased,
    LostSettleFoundByRetry,
    LostSettleFoundByRelease,
    BalanceChangedBeforeSettle,
    LateBatchDiscarded,
    HoldExpiredByAnotherRequest,
    ExpiredKeyTriedAgain,
    FailedKeyTriedAgain,
    LateHoldApplied,
    LateSettleApplied,
    LateSettleRefused,
    TopUpCredited,
    TopUpFoundCredited,
    BalanceChangedBeforeTopUp,
    ThreeHoldsAtOnce,
    AcceptedForLater,
    DeliveredWhileWaiting,
    TicketsRecorded,
    TicketsRefusedAfterTheEnd,
    WebhookBeforeItsTicket,
    WebhookOfAnEarlierAttemptRefused,
    ForgedWebhookRefused,
    PulledPicture,
    FirstPictureRecorded,
    PictureFoundRecorded,
    LatePictureRefused,
    SecondPictureSettled,
    LateSecondPictureRefused,
    BalanceChangedBeforeSecondPicture,
    AsynchronousBatchFailed,
    FailureAfterTheEndRefused,
    LapsedBatchExpired,
    Postponed,
    PostponedByAnotherFirst,
}

/// The observations of one step.
pub fn of(before: &State, step: Step, after: &State) -> impl Iterator<Item = Observation> + use<> {
    let wrote = before.items != after.items;
    let (by_stages, by_response) = match step {
        Step::Looked(actor) => match { *after }.process(actor).response() {
            Some(Response::Delivered(_)) => (Some(Observation::DeliveredWhileWaiting), None),
            Some(response) => (None, by_response(Stage::Done(response))),
            None => (None, None),
        },
        Step::Wrote(task, reply) => (by_task(after, task, reply == Reply::Applied), None),
        Step::Webhook(job) if before == after => (by_refused_webhook(before, job), None),
        Step::Webhook(job) if !before.items.queued.tickets.contains(&Some(job)) => {
            (Some(Observation::WebhookBeforeItsTicket), None)
        }
        Step::Pulled(..)
            if after.workers.iter().flatten().any(|task| matches!(task, Task::Record { .. })) =>
        {
            (Some(Observation::PulledPicture), None)
        }
        Step::Answered(actor, _) => {
            let stage = |state: &State| { *state }.process(actor).stage;
            (by_stages(before, stage(before), after, stage(after)), by_response(stage(after)))
        }
        Step::ArrivedLate(_, Call::Hold) if wrote => (Some(Observation::LateHoldApplied), None),
        Step::ArrivedLate(_, Call::Settle { .. }) if wrote => (Some(Observation::LateSettleApplied), None),
        Step::ArrivedLate(_, Call::Settle { .. }) => (Some(Observation::LateSettleRefused), None),
        Step::TimedOut(_) => (Some(Observation::OutcomeUnknown), None),
        _ => (None, None),
    };
    let has_three_holds = after.items.profile.holds.len() == 3;
    let by_holds = has_three_holds.then_some(Observation::ThreeHoldsAtOnce);
    [by_stages, by_response, by_holds].into_iter().flatten()
}

fn by_stages(before: &State, was: Stage, after: &State, now: Stage) -> Option<Observation> {
    let wrote = before.items != after.items;
    Some(match (was, now) {
        (Stage::Hold, Stage::AskFal(_) | Stage::Submit(_)) if wrote => {
            return by_replaced_attempt(before, after);
        }
        (Stage::Tickets(_), _) if wrote => Observation::TicketsRecorded,
        (Stage::Tickets(_), _) => Observation::TicketsRefusedAfterTheEnd,
        (Stage::Hold, Stage::AskFal(_) | Stage::Submit(_)) => Observation::OwnLostHoldRecognised,
        (Stage::Settle(_), Stage::Settle(_)) => Observation::BalanceChangedBeforeSettle,
        (Stage::Settle(_), Stage::Done(Response::Delivered(_))) if !wrote => {
            Observation::LostSettleFoundByRetry
        }
        (Stage::Release(_), Stage::Done(Response::Delivered(_))) => Observation::LostSettleFoundByRelease,
        (Stage::Release(Reason::LostHold), _) if wrote => Observation::LostHoldReleased,
        (Stage::TopUp(_), Stage::ReadBalance) => Observation::BalanceChangedBeforeTopUp,
        (Stage::TopUp(_), Stage::Done(_)) if wrote => Observation::TopUpCredited,
        (Stage::TopUp(_), Stage::Done(_)) => Observation::TopUpFoundCredited,
        (Stage::Expire(_), _) if wrote => Observation::HoldExpiredByAnotherRequest,
        _ => return None,
    })
}

fn by_response(now: Stage) -> Option<Observation> {
    let Stage::Done(response) = now else { return None };
    Some(match response {
        Response::Delivered(_) => Observation::BatchDelivered,
        Response::Replayed(_) => Observation::BatchReplayed,
        Response::Failed => Observation::BatchFailed,
        Response::InsufficientCoins => Observation::RefusedForTooFewCoins,
        Response::TooManyGenerations => Observation::RefusedForTooManyGenerations,
        Response::TooManyFailures => Observation::RefusedForTooManyFailures,
        Response::InProgress => Observation::RefusedAsInProgress,
        Response::KeyReused => Observation::RefusedForItsBody,
        Response::LeaseLost => Observation::LateBatchDiscarded,
        Response::Accepted => Observation::AcceptedForLater,
        _ => return None,
    })
}

fn by_refused_webhook(state: &State, job: Job) -> Option<Observation> {
    let current = state.items.generations[QUEUE_KEY]?.attempt;
    Some(match job.attempt {
        VISITOR => Observation::ForgedWebhookRefused,
        attempt if attempt < current => Observation::WebhookOfAnEarlierAttemptRefused,
        _ => return None,
    })
}

fn by_task(after: &State, task: Task, applied: bool) -> Option<Observation> {
    let goes_on = after.workers.iter().flatten().any(|next| matches!(next, Task::Settle { .. }));
    Some(match (task, applied) {
        (Task::Record { .. }, true) => Observation::FirstPictureRecorded,
        (Task::Record { picture, .. }, false) if after.items.queued.pictures.contains(&Some(picture)) => {
            Observation::PictureFoundRecorded
        }
        (Task::Record { .. }, false) if !goes_on => Observation::LatePictureRefused,
        (Task::Settle { .. }, true) => Observation::SecondPictureSettled,
        (Task::Settle { .. }, false) if goes_on => Observation::BalanceChangedBeforeSecondPicture,
        (Task::Settle { .. }, false) => Observation::LateSecondPictureRefused,
        (Task::Release { .. }, true) => Observation::AsynchronousBatchFailed,
        (Task::Release { .. }, false) => Observation::FailureAfterTheEndRefused,
        (Task::Expire { .. }, true) => Observation::LapsedBatchExpired,
        (Task::Postpone { .. }, true) => Observation::Postponed,
        (Task::Postpone { .. }, false) => Observation::PostponedByAnotherFirst,
        _ => return None,
    })
}

/// A hold may replace an ended attempt.
fn by_replaced_attempt(before: &State, after: &State) -> Option<Observation> {
    let mut generations = before.items.generations.iter().zip(&after.items.generations);
    let (replaced, _) = generations.find(|(was, now)| was != now)?;
    match (*replaced)?.status {
        Status::Failed => Some(Observation::FailedKeyTriedAgain),
        Status::Expired => Some(Observation::ExpiredKeyTriedAgain),
        _ => None,
    }
}

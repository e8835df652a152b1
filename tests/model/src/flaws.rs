//! What could be wrong with the protocol: each flaw turns the model into a mutant, to show that an invariant
//! can fail.

/// A condition left out, or a step done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::VariantArray)]
pub enum Flaw {
    /// Hold: the coins need not be available.
    HoldIgnoresCoins,
    /// Hold: any number of generations may run at once.
    HoldIgnoresLimit,
    /// Hold: any number of failures may have been counted.
    HoldIgnoresFailures,
    /// Hold: the running generations, which may all fail, do not count.
    HoldIgnoresRunning,
    /// Hold: replaces an ended generation that has another body.
    HoldIgnoresBody,
    /// Hold: replaces a pending or succeeded generation.
    HoldIgnoresStatus,
    /// Hold: a late copy replaces its own ended attempt or a newer one.
    HoldIgnoresAge,
    /// Settle, release, expire: change a pending generation of any attempt.
    NoFence,
    /// Settle: the generation may have ended.
    SettleIgnoresStatus,
    /// Settle: the hold may be missing.
    SettleIgnoresHold,
    /// Settle: writes the computed balance although the balance has changed.
    SettleIgnoresBalance,
    /// Settle: the charge may replace an earlier one.
    ChargeOverwrites,
    /// Settle: subtracts the price without any condition, as an atomic counter does.
    DecrementWithoutHold,
    /// Release: the coins are available again but the hold stays.
    ReleaseKeepsHold,
    /// Release, expire: a failure that fal may bill is not counted.
    FailureNotCounted,
    /// Release: a failure of ours is counted.
    OurFailureCounted,
    /// Release: the generation may have ended.
    ReleaseIgnoresStatus,
    /// Release, expire: the hold may be missing.
    GiveBackIgnoresHold,
    /// Expire: the generation may have ended.
    ExpireOverwrites,
    /// Expire: the transaction does not check the lease.
    ExpireIgnoresLease,
    /// Expire: its sender does not check the lease.
    SenderIgnoresLease,
    /// Top-up: the payment may have been credited before.
    TopUpRepeats,
    /// Top-up: writes the computed balance although the balance has changed.
    TopUpIgnoresBalance,
    /// A refused hold is explained by the profile first: "no coins" hides an earlier delivery.
    BalanceFirst,
    /// A hold whose reply was lost mistakes its own record for another request's.
    OwnHoldNotRecognised,
    /// A settle with an unknown outcome gets a failure as its response, without a release.
    UndecidedMeansFailed,
    /// The release after an undecided settle does not read whether the batch was charged.
    ReleaseNotRead,
    /// A settle that the generation refuses passes for one whose reply was lost.
    RefusedMeansSettled,
    /// Nobody expires a lapsed hold that blocks a request.
    NobodyExpires,
    /// fal is called although the hold's outcome is unknown.
    HoldUndecidedGoesOn,
    /// Hold: an asynchronous record is not put in the index.
    HoldNotIndexed,
    /// Settle, release, expire: the record stays in the index.
    EndStaysIndexed,
    /// Record tickets: the generation may be another attempt's.
    TicketsIgnoreAttempt,
    /// Record tickets: the generation may have ended.
    TicketsIgnoreStatus,
    /// Record a picture: the generation may be another attempt's.
    PictureIgnoresAttempt,
    /// Record a picture: the generation may have ended.
    PictureIgnoresStatus,
    /// Record a picture: there may be one already. Who records the second one settles.
    PictureIgnoresPictures,
    /// Postpone: the generation may be another attempt's.
    PostponeIgnoresAttempt,
    /// Postpone: the generation may have ended.
    PostponeIgnoresStatus,
    /// Postpone: the time may have changed.
    PostponeIgnoresTime,
    /// The first picture is settled by itself.
    OnePictureSettles,
    /// A picture that was recorded already is taken for the other one.
    OwnPictureNotRecognised,
    /// The second picture is refused, and its bringer believes that all is done.
    SecondPictureDropped,
    /// A webhook with a token of an earlier attempt counts for the current one.
    WebhookIgnoresAttempt,
    /// A webhook without any of the tokens is believed.
    WebhookIgnoresToken,
    /// A pull without a ticket takes fal's "not found" for a failure.
    PullIgnoresTicket,
    /// A submission whose reply was lost is sent again.
    LostSubmissionSentAgain,
    /// A pending asynchronous batch passes for expired when its lease has ended.
    LapsedMeansExpired,
}

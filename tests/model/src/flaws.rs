//! What could be wrong with the protocol: mutants of the model, to see that its invariants can fail.

/// A guard left out, or a step done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Hold: the coins need not be available.
    HoldIgnoresCoins,
    /// Hold: any number may run at once.
    HoldIgnoresLimit,
    /// Hold: an ended generation is replaced by one of another body.
    HoldIgnoresBody,
    /// Hold: a running or delivered generation is replaced.
    HoldIgnoresStatus,
    /// Hold: a late copy begins its own ended attempt again, or comes after a newer one.
    HoldIgnoresAge,
    /// Settle, release, expire: whose attempt it is does not matter, if it is pending.
    NoFence,
    /// Settle: the generation may have ended.
    SettleIgnoresStatus,
    /// Settle: the hold need not be there.
    SettleIgnoresHold,
    /// Settle: writes the balance that it computed, even if the balance moved.
    SettleIgnoresBalance,
    /// Settle: the charge may replace an earlier one.
    ChargeOverwrites,
    /// Settle: "the balance less the price", without any condition, as an atomic counter does.
    DecrementWithoutHold,
    /// Release: the coins are free again and the hold stays.
    ReleaseKeepsHold,
    /// Release: the generation may have ended.
    ReleaseIgnoresStatus,
    /// Release, expire: the hold need not be there.
    GiveBackIgnoresHold,
    /// Expire: the generation may have ended.
    ExpireOverwrites,
    /// Expire: the transaction does not look at the lease.
    ExpireIgnoresLease,
    /// Expire: its sender does not look at the lease.
    SenderIgnoresLease,
    /// Top up: the payment may have been credited.
    TopUpRepeats,
    /// Top up: writes the balance that it computed, even if the balance moved.
    TopUpIgnoresBalance,
    /// A refused hold is read profile first: no coins, before whether it was delivered.
    BalanceFirst,
    /// A refused hold's own record is not recognised: a lost reply reads as somebody else's request.
    OwnHoldNotRecognised,
    /// A settle without a decision is answered as a failure, and nothing is released.
    UndecidedMeansFailed,
    /// The release that follows an undecided settle is not asked whether it was paid.
    ReleaseNotRead,
    /// A settle refused because of the generation is taken for the own lost reply.
    RefusedMeansSettled,
    /// An expired hold that is in the way is left there.
    NobodyExpires,
    /// fal is asked although the hold had no decision.
    HoldUndecidedGoesOn,
}

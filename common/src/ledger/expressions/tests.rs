//! Every condition and every change, word for word: whoever changes one changes it here, too, and knows why.

use uuid::Uuid;

use super::*;
use crate::generations::{Generation, Job, Mode, PhotoCount};
use crate::ids::{AttemptId, GenerationId};

fn hold() -> Hold {
    let id = Uuid::from_u128(7).to_string();
    Hold {
        user_id: UserId::parse("merchant").expect("a user"),
        generation_id: GenerationId::parse(&id).expect("an id"),
        attempt_id: AttemptId::parse(&id).expect("an id"),
        coins: Coins::new(1),
        lease_until: Timestamp::UNIX_EPOCH,
        is_asynchronous: false,
    }
}

fn pending() -> Generation {
    let Hold { user_id, generation_id, attempt_id, coins, lease_until, .. } = hold();
    Generation {
        user_id,
        generation_id,
        attempt_id,
        body_hash: "hash".to_owned(),
        status: Status::Pending,
        lease_until,
        coins,
        created_at: Timestamp::UNIX_EPOCH,
        job: Job {
            mode: Mode::TextToImage,
            model: String::new(),
            photos: PhotoCount::default(),
            dropped_inputs: Vec::new(),
            payload: serde_json::Value::Null,
        },
        images: Vec::new(),
        remaining_coins: None,
        token_hashes: None,
        queued: None,
        check_at: None,
        error_code: None,
    }
}

/// What an action asks and does, without its names and values.
fn words(action: Result<TransactWriteItem, BuildError>) -> String {
    let action = action.expect("an action");
    match (action.update, action.put) {
        (Some(update), None) => format!(
            "{}: {}\n  if {}",
            update.table_name,
            update.update_expression,
            update.condition_expression.expect("every action has a condition")
        ),
        (None, Some(put)) => {
            format!(
                "{}: put\n  if {}",
                put.table_name,
                put.condition_expression.expect("every action has a condition")
            )
        }
        _ => panic!("another kind of action"),
    }
}

#[test]
fn every_condition_and_every_change_is_as_agreed() {
    let (profiles, generations) = (ProfilesTable::new("profiles"), GenerationsTable::new("generations"));
    let ledger = LedgerTable::new("ledger");
    let (hold, now) = (hold(), Timestamp::UNIX_EPOCH);
    let failed = GiveBack::Failed(Failure::ours("code"));
    let sections = [
        (
            "hold",
            vec![
                generations.put_pending(Item::new(), &pending()),
                profiles.place_hold(&hold, FailureBudget::default()),
            ],
        ),
        (
            "settle",
            vec![
                generations.mark_succeeded(&hold, &[], Coins::new(0), now),
                profiles.settle_hold(&hold, Coins::new(1), Coins::new(0)),
                ledger.append(Item::new()),
            ],
        ),
        ("release", vec![generations.mark_ended(&hold, failed, now), profiles.release_hold(&hold, None)]),
        ("release that counts", vec![profiles.release_hold(&hold, Some("stamp".to_owned()))]),
        (
            "expire",
            vec![generations.mark_ended(&hold, GiveBack::Expired, now), profiles.release_hold(&hold, None)],
        ),
        (
            "top up",
            vec![
                ledger.append(Item::new()),
                profiles.add_coins(&hold.user_id, Coins::new(1), None, Coins::new(1)),
                profiles.add_coins(&hold.user_id, Coins::new(1), Some(Coins::new(1)), Coins::new(2)),
            ],
        ),
        ("take back", vec![profiles.take_coins(&hold.user_id, Coins::new(1), Coins::new(2), Coins::new(1))]),
    ];
    let sections = sections.map(|(name, actions)| {
        let actions: Vec<_> = actions.into_iter().map(words).collect();
        format!("# {name}\n{}", actions.join("\n"))
    });
    insta::assert_snapshot!(sections.join("\n\n"), @"
    # hold
    generations: put
      if attribute_not_exists(generation_id) OR (body_hash = :hash AND #status IN (:failed, :expired) AND created_at < :created_at)
    profiles: SET coins_available = if_not_exists(coins_available, coins_balance) - :coins ADD holds :holds
      if (coins_available >= :coins OR (attribute_not_exists(coins_available) AND coins_balance >= :coins)) AND (attribute_not_exists(holds) OR size(holds) < :most) AND ((attribute_not_exists(failures) AND (attribute_not_exists(holds) OR size(holds) < :beside_0)) OR (attribute_not_exists(holds) AND size(failures) < :beside_0) OR (size(holds) <= :running_1 AND size(failures) < :beside_1) OR (size(holds) <= :running_2 AND size(failures) < :beside_2) OR (size(holds) <= :running_3 AND size(failures) < :beside_3))

    # settle
    generations: SET #status = :status, images = :images, remaining_coins = :remaining, expires_at = :expires_at REMOVE queued, check_at, pending_at
      if attempt_id = :attempt AND #status = :pending
    profiles: SET coins_balance = :after DELETE holds :holds
      if contains(holds, :hold) AND coins_balance = :before
    ledger: put
      if attribute_not_exists(entry_id)

    # release
    generations: SET #status = :status, error_code = :code, expires_at = :expires_at REMOVE queued, check_at, pending_at
      if attempt_id = :attempt AND #status = :pending
    profiles: SET coins_available = coins_available + :coins DELETE holds :holds
      if contains(holds, :hold)

    # release that counts
    profiles: SET coins_available = coins_available + :coins DELETE holds :holds ADD failures :failures
      if contains(holds, :hold)

    # expire
    generations: SET #status = :status, error_code = :code, expires_at = :expires_at REMOVE queued, check_at, pending_at
      if attempt_id = :attempt AND #status = :pending AND lease_until < :now_ms
    profiles: SET coins_available = coins_available + :coins DELETE holds :holds
      if contains(holds, :hold)

    # top up
    ledger: put
      if attribute_not_exists(entry_id)
    profiles: SET coins_balance = :after, coins_available = if_not_exists(coins_available, :before) + :coins
      if attribute_not_exists(coins_balance)
    profiles: SET coins_balance = :after, coins_available = if_not_exists(coins_available, :before) + :coins
      if coins_balance = :before

    # take back
    profiles: SET coins_balance = :after, coins_available = if_not_exists(coins_available, :before) - :coins
      if coins_balance = :before AND (coins_available >= :coins OR (attribute_not_exists(coins_available) AND coins_balance >= :coins))
    ");
}

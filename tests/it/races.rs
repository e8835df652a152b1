//! Many requests at once never spend a coin twice, and never ask fal without a hold.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::harness::{A_PROMPT, Potret, Setup};

#[tokio::test]
async fn sixty_requests_for_one_coin_make_one_batch_and_for_three_coins_three() {
    for coins in [1, 3] {
        let setup = Setup::default().fal_takes(Duration::from_millis(300));
        let (potret, merchant) = setup.with_merchant(coins).await;
        let answers = join_all((0..60).map(|_| merchant.generate(&A_PROMPT))).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        for answer in refused {
            assert!(matches!(answer.problem(), (403, "insufficient_coins") | (429, "too_many_generations")));
        }
        assert_eq!((made.len() as u64, potret.sent_to_fal().len() as u64), (coins, 2 * coins));
        potret.audit_with(&merchant, (0, 0)).await;
    }
}

#[tokio::test]
async fn at_most_four_batches_of_a_user_run_at_once() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_secs(2)).with_merchant(20).await;
    let answers = join_all((0..10).map(|_| merchant.generate(&A_PROMPT))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(refused.len(), 6);
    for answer in refused {
        assert_eq!(answer.problem(), (429, "too_many_generations"));
        assert!(answer.header("retry-after").is_some());
    }
    potret.audit_with(&merchant, (16, 16)).await;
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_makes_one_batch() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_millis(200)).with_merchant(20).await;
    let answers = join_all((0..20).map(|_| merchant.generate_with_key("order-1", &A_PROMPT))).await;
    let made = answers
        .iter()
        .filter(|answer| answer.status == 200 && answer.header("idempotency-replayed").is_none());
    assert_eq!(made.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(), (409, "generation_in_progress"));
        assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    }
    assert_eq!(potret.fal().requests().len(), 2);
    potret.audit_with(&merchant, (19, 19)).await;
}

#[tokio::test]
async fn payments_and_batches_at_once_all_count() {
    let (potret, merchant) = Potret::with_merchant(4).await;
    let batches = join_all((0..4).map(|_| merchant.generate(&A_PROMPT)));
    let pay = async |number| {
        let reference = format!("p{number}");
        potret.add_coins(&json!({"user_id": "merchant", "coins": 2, "reference": reference})).await
    };
    let payments = join_all((0..8).map(pay));
    let (batches, payments) = tokio::join!(batches, payments);
    assert!(batches.iter().all(|answer| answer.status == 200), "{batches:?}");
    assert!(payments.iter().all(Result::is_ok), "{payments:?}");
    potret.audit_with(&merchant, (16, 16)).await;
}

#[tokio::test]
async fn the_two_pictures_are_made_at_the_same_time() {
    let (potret, merchant) = Setup::default().fal_takes(Duration::from_secs(1)).with_merchant(1).await;
    assert_eq!(merchant.generate(&A_PROMPT).await.status, 200);
    let requests = potret.fal().requests();
    let [first, second] = requests.as_slice() else { panic!("two requests") };
    assert!(Some(second.started_at) < first.finished_at && Some(first.started_at) < second.finished_at);
}

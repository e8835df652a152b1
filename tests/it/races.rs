//! Many requests at once never spend a coin twice, and never ask fal without a hold.

use std::time::Duration;

use futures::future::join_all;

use crate::harness::{Potret, Setup, a_prompt};

/// Sends 60 requests at once for a user with `coins`, and counts the successes.
async fn sixty_requests(potret: &Potret, coins: u64) -> usize {
    let merchant = potret.user_with("merchant", coins).await;
    let prompt = a_prompt();
    let answers = join_all((0..60).map(|_| merchant.generate(&prompt))).await;
    for answer in &answers {
        if answer.status != 200 {
            assert!(matches!(answer.problem(), (403, "insufficient_coins") | (429, "too_many_generations")));
        }
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn sixty_requests_for_one_coin_make_one_batch() {
    let potret = Setup::default().fal_takes(Duration::from_millis(300)).start().await;
    assert_eq!(sixty_requests(&potret, 1).await, 1);
    assert_eq!(potret.fal().requests().len(), 2);
    assert_eq!(potret.user("merchant").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn sixty_requests_for_three_coins_make_three_batches() {
    let potret = Setup::default().fal_takes(Duration::from_millis(300)).start().await;
    assert_eq!(sixty_requests(&potret, 3).await, 3);
    assert_eq!(potret.fal().requests().len(), 6);
    assert_eq!(potret.user("merchant").coins().await, (0, 0));
    potret.audit().await;
}

#[tokio::test]
async fn at_most_four_batches_of_a_user_run_at_once() {
    let potret = Setup::default().fal_takes(Duration::from_secs(2)).start().await;
    let merchant = potret.user_with("merchant", 20).await;
    let prompt = a_prompt();
    let answers = join_all((0..10).map(|_| merchant.generate(&prompt))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(refused.len(), 6);
    for answer in refused {
        assert_eq!(answer.problem(), (429, "too_many_generations"));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(merchant.coins().await, (16, 16));
    potret.audit().await;
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_makes_one_batch() {
    let potret = Setup::default().fal_takes(Duration::from_millis(200)).start().await;
    let merchant = potret.user_with("merchant", 20).await;
    let prompt = a_prompt();
    let answers = join_all((0..20).map(|_| merchant.generate_with_key("order-1", &prompt))).await;
    let made = answers
        .iter()
        .filter(|answer| answer.status == 200 && answer.header("idempotency-replayed").is_none());
    assert_eq!(made.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(), (409, "generation_in_progress"));
    }
    assert_eq!(potret.fal().requests().len(), 2);
    assert_eq!(merchant.coins().await, (19, 19));
    potret.audit().await;
}

#[tokio::test]
async fn payments_and_batches_at_once_all_count() {
    let potret = Potret::start().await;
    let merchant = potret.user_with("merchant", 4).await;
    let prompt = a_prompt();
    let batches = join_all((0..4).map(|_| merchant.generate(&prompt)));
    let payments: Vec<_> = (0..8)
        .map(|number| serde_json::json!({"user_id": "merchant", "coins": 2, "reference": format!("p{number}")}))
        .collect();
    let payments = join_all(payments.iter().map(|payment| potret.add_coins(payment)));
    let (batches, payments) = tokio::join!(batches, payments);
    assert!(batches.iter().all(|answer| answer.status == 200), "{batches:?}");
    assert!(payments.iter().all(Result::is_ok), "{payments:?}");
    assert_eq!(merchant.coins().await, (16, 16));
    potret.audit().await;
}

#[tokio::test]
async fn the_two_pictures_are_made_at_the_same_time() {
    let potret = Setup::default().fal_takes(Duration::from_secs(1)).start().await;
    let merchant = potret.user_with("merchant", 1).await;
    assert_eq!(merchant.generate(&a_prompt()).await.status, 200);
    let requests = potret.fal().requests();
    let [first, second] = requests.as_slice() else { panic!("two requests") };
    assert!(Some(second.started_at) < first.finished_at && Some(first.started_at) < second.finished_at);
}

//! `GET /api/coin-balance`.

use std::time::Duration;

use crate::harness::{A_PROMPT, Setup};

#[tokio::test]
async fn the_coin_of_a_running_batch_is_unavailable_but_not_yet_paid() {
    let (_potret, merchant) = Setup::default().fal_takes(Duration::from_secs(1)).with_merchant(3).await;
    let (response, while_running) = tokio::join!(merchant.generate(&A_PROMPT), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        merchant.coins().await
    });
    assert_eq!((response.status, while_running), (200, (3, 2)));
    assert_eq!(merchant.coins().await, (2, 2));
}

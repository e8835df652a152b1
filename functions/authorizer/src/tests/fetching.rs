//! When the keys are fetched, and what holds while they cannot be.

use std::time::Duration;

use common::key_set::{BETWEEN_FETCHES, BETWEEN_FIRST_FETCHES};
use futures::future::join_all;
use serde_json::json;

use super::issuer::{self, Issuer, asked, good, jwk, signed, signed_as, user};
use crate::{Authorizer, AuthorizerError, KEPT};

/// Lets that much time pass, at once.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Whether there is neither yes nor no.
async fn is_undecided(authorizer: &Authorizer) -> bool {
    let answer = asked(authorizer, &format!("Bearer {}", signed("ec", &good()))).await;
    matches!(answer, Err(AuthorizerError::KeysUnavailable))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_are_old() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let token = signed("ec", &good());
    for _ in 0..3 {
        assert!(user(&authorizer, &token).await.is_some());
    }
    assert_eq!(issuer.asked(), 1);
    issuer.publishes(&[jwk("rsa")]);
    later(KEPT).await;
    assert_eq!(user(&authorizer, &token).await, None, "the issuer took its key back");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_fetched_at_most_once_a_minute() {
    let issuer = Issuer::start().await;
    issuer.publishes(&[jwk("ec")]);
    let authorizer = issuer.authorizer();
    assert!(user(&authorizer, &signed("ec", &good())).await.is_some());
    later(BETWEEN_FETCHES).await;
    for number in 0..20 {
        assert_eq!(user(&authorizer, &signed_as("ec", &format!("made-up-{number}"), &good())).await, None);
    }
    assert_eq!(issuer.asked(), 2);

    issuer.publishes(&[jwk("ec"), jwk("ed")]);
    let new = signed("ed", &good());
    assert_eq!(user(&authorizer, &new).await, None, "within the minute nobody asks");
    later(BETWEEN_FETCHES).await;
    assert!(user(&authorizer, &new).await.is_some(), "a new key is found");
    assert!(user(&authorizer, &signed("ec", &good())).await.is_some());
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn many_requests_at_once_fetch_the_keys_once() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let tokens: Vec<_> = (0..30)
        .map(|number| match number % 2 {
            0 => signed("ec", &good()),
            _ => signed_as("ec", &format!("made-up-{number}"), &good()),
        })
        .collect();
    let users = join_all(tokens.iter().map(|token| user(&authorizer, token))).await;
    assert_eq!(users.iter().filter(|user| user.is_some()).count(), 15);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn without_any_keys_there_is_no_decision() {
    assert!(is_undecided(&issuer::authorizer("http://127.0.0.1:9/nobody-listens", None)).await);
    for (status, text) in [
        (500, json!({"keys": [jwk("ec")]}).to_string()),
        (302, json!({"keys": [jwk("ec")]}).to_string()),
        (404, String::new()),
        (200, "<html>".to_owned()),
        (200, json!({"keys": {}}).to_string()),
        (200, json!([jwk("ec")]).to_string()),
        (200, json!({"keys": [jwk("ec")], "padding": "x".repeat(256 * 1024)}).to_string()),
    ] {
        let issuer = Issuer::start().await;
        issuer.answers(status, text);
        let authorizer = issuer.authorizer();
        assert!(is_undecided(&authorizer).await && is_undecided(&authorizer).await);
        assert_eq!(issuer.asked(), 1, "not again at once");

        issuer.publishes(&[jwk("ec")]);
        later(BETWEEN_FIRST_FETCHES).await;
        assert!(user(&authorizer, &signed("ec", &good())).await.is_some(), "but soon");
    }
}

#[tokio::test]
async fn known_keys_stay_good_while_the_issuer_is_down() {
    let issuer = Issuer::start().await;
    let authorizer = issuer.authorizer();
    let token = signed("rsa", &good());
    assert!(user(&authorizer, &token).await.is_some());
    issuer.answers(503, "");
    for hour in 1..=3 {
        later(Duration::from_secs(60 * 60)).await;
        for _ in 0..3 {
            assert!(user(&authorizer, &token).await.is_some());
            assert_eq!(user(&authorizer, &signed_as("ec", "made-up", &good())).await, None);
        }
        assert_eq!(issuer.asked(), 1 + hour);
    }
}

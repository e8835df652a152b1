//! The control routes.

use serde_json::{Value, json};

use super::{SCHNELL, body, start};
use crate::models::Endpoint;
use crate::{Fault, Injection};

#[tokio::test]
async fn the_control_routes_set_and_show_faults_and_latency() {
    let running = start().await;
    let control = format!("{}/_control", running.base);
    let fault = running.http.post(format!("{control}/faults"));
    let set = fault.json(&json!({"fault": "account_locked", "skip": 1, "times": 1})).send().await.unwrap();
    assert_eq!(set.status(), 204);
    let latency = running.http.put(format!("{control}/latency"));
    assert_eq!(latency.json(&json!({"milliseconds": 5})).send().await.unwrap().status(), 204);
    let queue = json!({"concurrency": 3, "result_ttl_milliseconds": 60_000});
    assert_eq!(running.http.put(format!("{control}/queue")).json(&queue).send().await.unwrap().status(), 204);
    let shown: Value = running.http.get(&control).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["active_faults"], json!([{"fault": "account_locked", "skip": 1, "times": 1}]));
    assert_eq!(shown["latency_milliseconds"], json!({"from": 5, "to": 5}));
    assert_eq!(shown["queue"], queue);
    assert_eq!(shown["faults"].as_object().unwrap().len(), Fault::ALL.len());

    let wrong = running.http.post(format!("{control}/faults")).json(&json!({"fault": "fire"}));
    let wrong = wrong.send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("content_policy_violation"));

    let statuses = async || running.post(SCHNELL, body(Endpoint::Schnell, "")).await.status().as_u16();
    assert_eq!([statuses().await, statuses().await, statuses().await], [200, 403, 200]);
    running.fal.inject(Injection { fault: Fault::BadKey, skip: 0, times: None });
    assert_eq!(statuses().await, 401);
    running.http.delete(format!("{control}/faults")).send().await.unwrap();
    assert_eq!(statuses().await, 200);

    let requests = format!("{control}/requests");
    let shown: Value = running.http.get(&requests).send().await.unwrap().json().await.unwrap();
    assert_eq!((shown.as_array().unwrap().len(), &shown[1]["fault"]), (5, &json!("account_locked")));
    running.http.delete(&requests).send().await.unwrap();
    assert!(running.fal.requests().is_empty());
}

//! Which requests reach a function behind a Lambda authorizer.

use super::*;

/// Accepts `Bearer good` only. Its context has the event that it got.
fn guard() -> Handler {
    event_handler(|event: LambdaEvent<Value>| async move {
        let is_authorized = event.payload["identitySource"] == json!(["Bearer good"]);
        let event = event.payload.to_string();
        Ok::<_, FunctionError>(
            json!({"isAuthorized": is_authorized, "context": {"sub": "user-1", "event": event}}),
        )
    })
}

#[tokio::test]
async fn an_accepted_request_carries_the_authorizers_context() {
    let api = Api::guarded_by(guard()).await;
    let request = api.request(Method::POST, "/call?a=1").bearer_auth("good").body("the body");
    let event: Value = request.send().await.unwrap().json().await.unwrap();
    let authorizer = &event["requestContext"]["authorizer"];
    assert_eq!((&authorizer["lambda"]["sub"], &authorizer["jwt"]), (&json!("user-1"), &Value::Null));

    let event: Value = serde_json::from_str(authorizer["lambda"]["event"].as_str().unwrap()).unwrap();
    assert_eq!((&event["version"], &event["type"]), (&json!("2.0"), &json!("REQUEST")));
    assert_eq!(event["routeArn"], "arn:aws:execute-api:us-east-1:000000000000:local/$default/POST/call");
    assert_eq!((&event["routeKey"], &event["rawQueryString"]), (&json!("POST /call"), &json!("a=1")));
    assert_eq!(event["headers"]["authorization"], "Bearer good");
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert!(!event.to_string().contains("the body"), "an authorizer sees no body");
}

#[tokio::test]
async fn a_request_without_a_token_does_not_reach_the_authorizer() {
    let api = Api::guarded_by(responding(json!({"isAuthorized": true}))).await;
    assert_eq!(api.call().send().await.unwrap().status(), 200);
    let response = api.request(Method::POST, "/call").send().await.unwrap();
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_refused(response, 401, "Unauthorized").await;
    let empty = api.request(Method::POST, "/call").header("authorization", "").send().await.unwrap();
    assert_refused(empty, 401, "Unauthorized").await;
    assert_eq!(api.request(Method::GET, "/open/x").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refused_request_is_forbidden() {
    let api = Api::guarded_by(guard()).await;
    let response = api.request(Method::POST, "/call").bearer_auth("bad").send().await.unwrap();
    assert_refused(response, 403, "Forbidden").await;
}

#[tokio::test]
async fn a_failing_or_senseless_authorizer_accepts_nothing() {
    let failing = event_handler(|_: LambdaEvent<Value>| async {
        Err::<(), _>(FunctionError { error_type: "Broken".into(), error_message: "no".into() })
    });
    for guard in
        [failing, responding(json!({})), responding(json!("yes")), responding(json!({"isAuthorized": 1}))]
    {
        let api = Api::guarded_by(guard).await;
        let response = api.request(Method::POST, "/call").bearer_auth("good").send().await.unwrap();
        assert_refused(response, 500, "Internal Server Error").await;
    }
}

//! Who gets through to a function when another function decides.

use super::*;

/// Says yes to `Bearer good` only, and tells what it was asked.
fn guard() -> Handler {
    event_handler(|event: LambdaEvent<Value>| async move {
        let is_authorized = event.payload["identitySource"] == json!(["Bearer good"]);
        let asked = event.payload.to_string();
        Ok::<_, FunctionError>(
            json!({"isAuthorized": is_authorized, "context": {"sub": "user-1", "asked": asked}}),
        )
    })
}

#[tokio::test]
async fn whoever_the_function_lets_through_comes_with_its_context() {
    let api = Api::guarded_by(guard()).await;
    let request = api.request(Method::POST, "/call?a=1").bearer_auth("good").body("the body");
    let event: Value = request.send().await.unwrap().json().await.unwrap();
    let authorizer = &event["requestContext"]["authorizer"];
    assert_eq!((&authorizer["lambda"]["sub"], &authorizer["jwt"]), (&json!("user-1"), &Value::Null));

    let asked: Value = serde_json::from_str(authorizer["lambda"]["asked"].as_str().unwrap()).unwrap();
    assert_eq!((&asked["version"], &asked["type"]), (&json!("2.0"), &json!("REQUEST")));
    assert_eq!(asked["routeArn"], "arn:aws:execute-api:us-east-1:000000000000:local/$default/POST/call");
    assert_eq!((&asked["routeKey"], &asked["rawQueryString"]), (&json!("POST /call"), &json!("a=1")));
    assert_eq!(asked["headers"]["authorization"], "Bearer good");
    assert_eq!(asked["requestContext"]["http"]["method"], "POST");
    assert!(!asked.to_string().contains("the body"), "an authorizer sees no body");
}

#[tokio::test]
async fn a_request_without_a_token_never_reaches_the_function() {
    let api = Api::guarded_by(answering(json!({"isAuthorized": true}))).await;
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
async fn a_function_that_fails_or_makes_no_sense_lets_nobody_through() {
    let failing = event_handler(|_: LambdaEvent<Value>| async {
        Err::<(), _>(FunctionError { error_type: "Broken".into(), error_message: "no".into() })
    });
    for guard in
        [failing, answering(json!({})), answering(json!("yes")), answering(json!({"isAuthorized": 1}))]
    {
        let api = Api::guarded_by(guard).await;
        let response = api.request(Method::POST, "/call").bearer_auth("good").send().await.unwrap();
        assert_refused(response, 500, "Internal Server Error").await;
    }
}

//! The local Lambda service, with functions of a few lines.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::{Body, Request, RequestExt, Response};
use lambda_runtime::LambdaEvent;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn lambda(name: &str, timeout: Duration, handler: Handler) -> LocalLambda {
    LocalLambda::new([Function { name: name.to_owned(), timeout, handler }])
}

fn echo() -> Handler {
    event_handler(|event: LambdaEvent<Value>| async move { Ok::<_, FunctionError>(event.payload) })
}

async fn outcome(handler: Handler, payload: &str) -> Result<Value, FunctionError> {
    let lambda = lambda("f", TIMEOUT, handler);
    let invocation = lambda.invoke("f", Bytes::from(payload.to_owned())).await.unwrap();
    invocation.outcome.map(|answer| serde_json::from_slice(&answer).unwrap())
}

/// The smallest event that the HTTP adapter accepts.
fn http_event() -> Value {
    json!({
        "version": "2.0", "rawPath": "/p", "rawQueryString": "", "headers": {"host": "h"},
        "requestContext": {"http": {"method": "GET", "path": "/p"}, "stage": "$default"}
    })
}

#[tokio::test]
async fn the_context_names_the_invocation_the_function_and_the_deadline() {
    let handler = http_handler(|request: Request| async move {
        let context = request.lambda_context();
        Response::new(json!([context.request_id, context.invoked_function_arn, context.deadline]).to_string())
    });
    let lambda = lambda("generate-image", Duration::from_secs(29), handler);
    let before = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let invocation = lambda.invoke("generate-image", http_event().to_string().into()).await.unwrap();
        let answer: Value = serde_json::from_slice(&invocation.outcome.unwrap()).unwrap();
        let told: (String, String, u64) = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(told.0, invocation.request_id);
        assert_eq!(told.1, "arn:aws:lambda:us-east-1:000000000000:function:generate-image");
        assert!((29_000..34_000).contains(&(told.2 - before)));
        seen.push(told.0);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_stopped_and_reported() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let handler = event_handler(move |_: LambdaEvent<Value>| {
        let held = Arc::clone(&held);
        async move {
            pending::<()>().await;
            drop(held);
            Ok::<_, FunctionError>(())
        }
    });
    let lambda = lambda("f", Duration::from_millis(50), handler);
    let before = Arc::strong_count(&alive);
    let invocation = lambda.invoke("f", Bytes::new()).await.unwrap();

    let error = invocation.outcome.unwrap_err();
    let request_id = invocation.request_id;
    assert_eq!(error.error_type, "Sandbox.Timedout");
    assert_eq!(
        error.error_message,
        format!("RequestId: {request_id} Error: Task timed out after 0.05 seconds")
    );
    assert_eq!(lambda.in_flight(), 0);
    while Arc::strong_count(&alive) > before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_never_yields_is_reported_in_time() {
    static FINISHED: AtomicBool = AtomicBool::new(false);
    let handler = event_handler(|_: LambdaEvent<Value>| async {
        std::thread::sleep(Duration::from_millis(1500));
        FINISHED.store(true, Ordering::SeqCst);
        Ok::<_, FunctionError>(())
    });
    let lambda = lambda("f", Duration::from_millis(50), handler);
    let invocation = lambda.invoke("f", Bytes::new()).await.unwrap();
    assert_eq!(invocation.outcome.unwrap_err().error_type, "Sandbox.Timedout");
    assert!(!FINISHED.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_panic_becomes_a_function_error() {
    let at_call = event_handler(|_: LambdaEvent<Value>| -> std::future::Ready<Result<(), FunctionError>> {
        panic!("at the call")
    });
    let later = http_handler(|_: Request| async {
        tokio::task::yield_now().await;
        if true {
            panic!("{}", "later".to_owned());
        }
        Response::new(Body::Empty)
    });
    for (handler, message) in [(at_call, "Lambda panicked: at the call"), (later, "Lambda panicked: later")] {
        let error = outcome(handler, &http_event().to_string()).await.unwrap_err();
        assert_eq!(error.error_message, message);
        assert_eq!(error.error_type, "&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>");
    }
}

#[tokio::test]
async fn the_payload_is_checked_before_the_function_runs() {
    let lambda = lambda("f", TIMEOUT, echo());
    let at_limit = format!("\"{}\"", "x".repeat(PAYLOAD_LIMIT_BYTES - 2));
    assert!(lambda.invoke("f", at_limit.clone().into()).await.unwrap().outcome.is_ok());

    let over = lambda.invoke("f", format!("{at_limit} ").into()).await.unwrap_err();
    assert!(matches!(over, InvokeError::PayloadTooLarge));
    let garbage = lambda.invoke("f", "{".into()).await.unwrap_err();
    assert!(garbage.to_string().starts_with("Could not parse request body into json: "), "{garbage}");
    let unknown = lambda.invoke("g", "{}".into()).await.unwrap_err();
    assert_eq!(unknown.to_string(), "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g");
}

#[tokio::test]
async fn a_response_over_the_limit_is_a_function_error() {
    let handler = event_handler(|event: LambdaEvent<usize>| async move {
        Ok::<_, FunctionError>("x".repeat(event.payload))
    });
    let at_limit = PAYLOAD_LIMIT_BYTES - 2;
    assert!(outcome(Arc::clone(&handler), &at_limit.to_string()).await.is_ok());
    let error = outcome(handler, &(at_limit + 1).to_string()).await.unwrap_err();
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn drain_gives_up_in_time() {
    let handler = event_handler(|_: LambdaEvent<Value>| pending::<Result<(), FunctionError>>());
    let lambda = lambda("f", TIMEOUT, handler);
    let _running = lambda.start("f", b"{}").unwrap();
    let started = Instant::now();
    lambda.drain(Duration::from_millis(50)).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(lambda.in_flight(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_is_a_function_error() {
    let typed = event_handler(|_: LambdaEvent<u32>| async { Ok::<_, FunctionError>(()) });
    let http = http_handler(|_: Request| async { Response::new(Body::Empty) });
    for (handler, error_type) in
        [(typed, "lambda_runtime::deserializer::DeserializeError"), (http, "NoHttpEvent")]
    {
        assert_eq!(outcome(handler, r#"{"coins": "many"}"#).await.unwrap_err().error_type, error_type);
    }
}

#[tokio::test]
async fn an_event_that_would_make_the_adapter_panic_reaches_the_handler() {
    let handler = http_handler(|request: Request| async move {
        let asked = request.query_string_parameters();
        Response::new(format!("{:?} {:?}", asked.first("a"), request.body()))
    });
    let mut event = http_event();
    event["headers"] = json!({"host": "no host", "x-forwarded-proto": "::"});
    event["rawPath"] = json!("no path");
    event["rawQueryString"] = json!("a=\"<b>\"");
    event["body"] = json!("not base64!");
    event["isBase64Encoded"] = json!(true);
    let answer = outcome(handler, &event.to_string()).await.unwrap();
    assert_eq!(answer["body"], r#"Some("\"<b>\"") Text("not base64!")"#);
}

//! Attacks on a running stack: by pages of other sites, by names that lead here, and with forged tokens.

use std::net::Ipv4Addr;
use std::time::Duration;

use aws_double::tokens::SigningKey;
use base64::prelude::{BASE64_STANDARD, Engine};
use local_stack::stack::{Options, Stack};
use reqwest::Method;
use sam_template::JwtSpec;
use serde_json::{Value, json};

use crate::harness::{A_PROMPT, Potret, Response, Setup, User};

const EVIL: &str = "https://evil.example";
const LOCAL_PAGE: &str = "http://localhost:5173";
const SHOP: &str = "https://shop.example";

/// What a browser sends for a page of another site: a request with an origin or without one, from a frame
/// without an origin, and after the page's own name came to lead here.
const ATTACKS: [(&str, &str); 4] =
    [("origin", EVIL), ("origin", "null"), ("sec-fetch-site", "cross-site"), ("host", "evil.example:3000")];

/// The key with which every local stack once signed its tokens, in PKCS #8. Anybody can read it in the history.
const ONCE_PUBLIC_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguRD43plrbraquCZkgXox9GJb49e3\
    9/W8YqhR8HWMPGShRANCAAQj+Rng7CApKD4rwUF3v1tt6uhYCNi7c022bkHHtjaPoHL+fFTEEC+o5mOsuPNHvLvxy01NAeREkZERD3FkYhbE";

/// Sends a request as a page does. The response need not be one of the API's.
async fn send(
    potret: &Potret,
    (method, url): (Method, &str),
    headers: &[(&str, &str)],
    body: &Value,
) -> reqwest::Response {
    let mut request = potret.http.request(method, url).body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("a response")
}

fn readable_by(response: &reqwest::Response) -> Option<&str> {
    response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().expect("ASCII"))
}

fn preflight(origin: &str) -> [(&str, &str); 3] {
    [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ]
}

async fn presigned_url(user: &User) -> String {
    let created = user.create_upload("image/png", 2).await.body;
    created["url"].as_str().expect("a URL").to_owned()
}

/// Also when the tests run on another DynamoDB.
fn with_its_own_dynamodb() -> Setup {
    Setup::default().setting("AWS_ENDPOINT_URL_DYNAMODB", "")
}

#[tokio::test]
async fn a_page_of_another_site_reaches_no_route_and_no_back_end() {
    let (potret, merchant) = with_its_own_dynamodb().with_merchant(5).await;
    let bearer = format!("Bearer {}", merchant.token);
    let coins = json!({"user_id": "merchant", "coins": 1000, "reference": "stolen"});
    let (dynamodb, upload) = (potret.stack.dynamodb.endpoint().as_str(), presigned_url(&merchant).await);
    let url = |path: &str| potret.url(path);
    for (method, url, body) in [
        (Method::POST, url("/api/generate-image"), A_PROMPT.clone()),
        (Method::GET, url("/api/coin-balance"), Value::Null),
        (Method::GET, url("/api/prompt-options"), Value::Null),
        (Method::POST, url("/api/fal-webhook/made-up"), json!({})),
        (Method::GET, url("/api/unknown"), Value::Null),
        (Method::GET, url("/"), Value::Null),
        (Method::GET, url("/_local/playground/main.js"), Value::Null),
        (Method::GET, url("/docs"), Value::Null),
        (Method::GET, url("/docs/docs.js"), Value::Null),
        (Method::GET, url("/_local/session"), Value::Null),
        (Method::GET, url("/_local/jwks.json"), Value::Null),
        (Method::GET, url("/_local/fal/_control"), Value::Null),
        (Method::GET, url("/_local/fal/_control/requests"), Value::Null),
        (Method::PUT, url("/_local/fal/_control/latency"), json!({"milliseconds": 60_000})),
        (Method::POST, url("/_local/fal/_control/faults"), json!({"fault": "bad_key"})),
        (Method::POST, url("/_local/fal/fal-ai/flux/schnell"), json!({"prompt": "a bag"})),
        (Method::POST, url("/2015-03-31/functions/add-coins/invocations"), coins),
        (Method::PATCH, url("/docs"), Value::Null),
        (Method::POST, dynamodb.to_owned(), json!({"TableName": potret.tables().profiles.name()})),
        (Method::PUT, upload, json!("")),
    ] {
        for attack in ATTACKS {
            let headers = [attack, ("authorization", &bearer), ("x-amz-target", "DynamoDB_20120810.Scan")];
            let refused = send(&potret, (method.clone(), &url), &headers, &body).await;
            assert_eq!(refused.status(), 403, "{method} {url} {attack:?}");
            assert_eq!(readable_by(&refused), None, "{method} {url} {attack:?}");
            let text = refused.text().await.expect("a text");
            assert!(text.starts_with(r#"{"message":"This is "#), "{method} {url} {attack:?}: {text}");
        }
        let asked = send(&potret, (Method::OPTIONS, &url), &preflight(EVIL), &Value::Null).await;
        assert_eq!((asked.status().as_u16(), readable_by(&asked)), (403, None), "{url}");
    }
    assert!(potret.fal().requests().is_empty());
    let control = potret.get("/_local/fal/_control").await.body;
    assert_eq!((&control["active_faults"], &control["latency_milliseconds"]["to"]), (&json!([]), &json!(0)));
    potret.audit_with(&merchant, (5, 5)).await;
}

#[tokio::test]
async fn only_a_page_of_this_machine_changes_the_tables() {
    let (potret, merchant) = with_its_own_dynamodb().with_merchant(5).await;
    let table = potret.tables().profiles.name().to_owned();
    let update = json!({
        "TableName": table, "Key": {"user_id": {"S": "merchant"}},
        "UpdateExpression": "SET nickname = :n", "ExpressionAttributeValues": {":n": {"S": "budi"}},
    });
    let dynamodb = potret.stack.dynamodb.endpoint().as_str();
    let from = async |origin: &str, operation: &str, body: &Value| {
        let headers =
            [("origin", origin), ("x-amz-target", operation), ("authorization", "AWS4-HMAC-SHA256 any")];
        let response = send(&potret, (Method::POST, dynamodb), &headers, body).await;
        let readable = readable_by(&response).map(str::to_owned);
        (response.status().as_u16(), readable, response.text().await.expect("a text"))
    };
    let scan = json!({ "TableName": table });
    let (status, readable, text) = from(EVIL, "DynamoDB_20120810.Scan", &scan).await;
    assert_eq!((status, readable, text.contains("merchant")), (403, None, false));
    assert_eq!(from(EVIL, "DynamoDB_20120810.UpdateItem", &update).await.0, 403);
    let (_, _, text) = from(LOCAL_PAGE, "DynamoDB_20120810.Scan", &scan).await;
    assert!(text.contains("merchant") && !text.contains("nickname"), "{text}");

    let (status, readable, _) = from(LOCAL_PAGE, "DynamoDB_20120810.UpdateItem", &update).await;
    assert_eq!((status, readable.as_deref()), (200, Some(LOCAL_PAGE)));
    let (_, _, text) = from(LOCAL_PAGE, "DynamoDB_20120810.Scan", &scan).await;
    assert!(text.contains("nickname"), "{text}");
    potret.audit_with(&merchant, (5, 5)).await;
}

#[tokio::test]
async fn a_page_of_this_machine_makes_and_shows_pictures() {
    let (potret, merchant) = Potret::with_merchant(2).await;
    let url = potret.url("/api/generate-image");
    let asked = send(&potret, (Method::OPTIONS, &url), &preflight(LOCAL_PAGE), &Value::Null).await;
    assert_eq!((asked.status().as_u16(), readable_by(&asked)), (204, Some(LOCAL_PAGE)));
    // localhost and 127.0.0.1 are two sites.
    let request =
        merchant.request(Method::POST, "/api/generate-image").header("sec-fetch-site", "cross-site");
    let generated = Response::to(request.header("origin", LOCAL_PAGE).json(&*A_PROMPT)).await;
    assert_eq!((generated.status, generated.header("access-control-allow-origin")), (200, Some(LOCAL_PAGE)));
    let picture = generated.body["images"][0].as_str().expect("a URL");
    let shown_by = async |page: &str| {
        let headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image"), ("referer", page)];
        send(&potret, (Method::GET, picture), &headers, &Value::Null).await.status().as_u16()
    };
    assert_eq!((shown_by("http://localhost:5173/").await, shown_by(EVIL).await), (200, 403));

    let upload = presigned_url(&merchant).await;
    let headers = [("origin", LOCAL_PAGE), ("content-type", "image/png"), ("if-none-match", "*")];
    let put = send(&potret, (Method::PUT, &upload), &headers, &json!("")).await;
    assert_eq!((put.status().as_u16(), readable_by(&put)), (200, Some(LOCAL_PAGE)));
}

#[tokio::test]
async fn the_pages_of_an_allowed_origin_use_the_api_and_nothing_else() {
    let (potret, merchant) = Setup::default().setting("ALLOWED_ORIGINS", SHOP).with_merchant(2).await;
    let request = merchant.request(Method::POST, "/api/generate-image").header("origin", SHOP);
    let generated = Response::to(request.json(&*A_PROMPT)).await;
    assert_eq!((generated.status, generated.header("access-control-allow-origin")), (200, Some(SHOP)));
    let picture = generated.body["images"][0].as_str().expect("a URL");
    let headers = [("sec-fetch-site", "cross-site"), ("referer", "https://shop.example/cart")];
    assert_eq!(send(&potret, (Method::GET, picture), &headers, &Value::Null).await.status(), 200);
    let upload = presigned_url(&merchant).await;
    let headers = [("origin", SHOP), ("content-type", "image/png"), ("if-none-match", "*")];
    let put = send(&potret, (Method::PUT, &upload), &headers, &json!("")).await;
    assert_eq!((put.status().as_u16(), readable_by(&put)), (200, Some(SHOP)));

    for path in ["/_local/session", "/_local/fal/_control", "/docs", "/"] {
        let refused =
            send(&potret, (Method::GET, &potret.url(path)), &[("origin", SHOP)], &Value::Null).await;
        assert_eq!(refused.status(), 403, "{path}");
    }
    let evil = merchant.request(Method::GET, "/api/coin-balance").header("origin", EVIL);
    assert_eq!(evil.send().await.expect("a response").status(), 403);
    // As on API Gateway, the list is the whole list.
    let local = merchant.request(Method::GET, "/api/coin-balance").header("origin", LOCAL_PAGE);
    assert_eq!(readable_by(&local.send().await.expect("a response")), None);
}

#[tokio::test]
async fn under_a_tunnels_name_only_the_api_is_answered() {
    let setup = Setup::default().setting("PUBLIC_URL", "https://tunnel.example");
    let (potret, merchant) = setup.with_merchant(1).await;
    let named = [("host", "tunnel.example")];
    let balance = merchant.request(Method::GET, "/api/coin-balance").header("host", "tunnel.example");
    assert_eq!(Response::to(balance).await.body["coins_balance"], 1);
    let webhook = potret.url("/api/fal-webhook/made-up");
    assert_eq!(send(&potret, (Method::POST, &webhook), &named, &json!({})).await.status(), 404);
    for path in ["/", "/docs", "/_local/session", "/_local/fal/_control", "/_local/jwks.json"] {
        let refused = send(&potret, (Method::GET, &potret.url(path)), &named, &Value::Null).await;
        assert_eq!(refused.status(), 403, "{path}");
    }
    let invoke = potret.url("/2015-03-31/functions/add-coins/invocations");
    assert_eq!(send(&potret, (Method::POST, &invoke), &named, &json!({})).await.status(), 403);
    let page = [("host", "tunnel.example"), ("origin", EVIL)];
    let refused = send(&potret, (Method::GET, &potret.url("/api/prompt-options")), &page, &Value::Null).await;
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn a_token_signed_with_the_once_public_key_is_refused() {
    let key = BASE64_STANDARD.decode(ONCE_PUBLIC_KEY).expect("base64");
    let key = SigningKey::from_pkcs8(&key).expect("a key");
    let forged = key.issue("merchant", &JwtSpec::local(), 300).expect("a token");
    for (mode, status) in [("jwt", 401), ("lambda", 403)] {
        let (potret, merchant) = Setup::default().setting("AUTH_MODE", mode).with_merchant(1).await;
        let request = potret.http.post(potret.url("/api/generate-image")).bearer_auth(&forged);
        assert_eq!(Response::to(request.json(&*A_PROMPT)).await.status, status, "{mode}");
        potret.audit_with(&merchant, (1, 1)).await;
    }
}

#[tokio::test]
async fn a_token_is_valid_on_stacks_with_the_same_folder_only() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let anywhere = (Ipv4Addr::LOCALHOST, 0).into();
    let first = Setup::default().kept("potret", folder.path(), anywhere).start().await;
    let token = first.user("merchant").token;
    first.stack.stop().await.expect("a clean stop");
    let status = async |setup: Setup| {
        let potret = setup.start().await;
        let request = potret.http.get(potret.url("/api/coin-balance")).bearer_auth(&token);
        Response::to(request).await.status
    };
    assert_eq!(status(Setup::default().kept("potret", folder.path(), anywhere)).await, 200);
    assert_eq!(status(Setup::default().kept("potret", other.path(), anywhere)).await, 401);
    assert_eq!(status(Setup::default()).await, 401);
}

#[tokio::test]
async fn a_stack_that_others_can_call_does_not_start_with_a_real_key_unless_asked() {
    let start = async |listen: Ipv4Addr, origins: &'static str, shares_fal_key| {
        let environment = Box::new(move |name: &str| match name {
            "FAL_KEY" => Some("id:secret".to_owned()),
            "ALLOWED_ORIGINS" => Some(origins.to_owned()),
            _ => None,
        });
        let fal_latency = Some(Duration::ZERO);
        let listen = (listen, 0).into();
        let options = Options { listen, environment, fal_latency, shares_fal_key, ..Options::default() };
        match Stack::start(options).await {
            Ok(stack) => stack.stop().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    assert_eq!(start(Ipv4Addr::LOCALHOST, "loopback", false).await, Ok(()));
    for (listen, origins, reason) in [
        (Ipv4Addr::UNSPECIFIED, "loopback", "it listens on 0.0.0.0:0"),
        (Ipv4Addr::LOCALHOST, "*", "ALLOWED_ORIGINS has *"),
        (
            Ipv4Addr::LOCALHOST,
            "http://localhost:5173,https://shop.example",
            "ALLOWED_ORIGINS has https://shop.example",
        ),
    ] {
        let error = start(listen, origins, false).await.expect_err("others can call it");
        assert!(error.contains(reason) && !error.contains("id:secret"), "{error}");
        assert_eq!(start(listen, origins, true).await, Ok(()));
    }
}

#[tokio::test]
async fn no_response_may_be_sniffed_and_no_page_framed() {
    let (potret, merchant) = Potret::with_merchant(1).await;
    let picture = merchant.generate(&A_PROMPT).await.body["images"][0].as_str().expect("a URL").to_owned();
    let picture = picture.replace(potret.stack.url.as_str(), "/");
    for path in [
        "/",
        "/_local/playground/main.js",
        "/_local/session",
        "/_local/jwks.json",
        "/_local/playground/unknown.js",
        "/_local/fal/_control",
        "/docs",
        "/docs/docs.js",
        "/docs/swagger-ui.css",
        "/docs/unknown.js",
        "/api/prompt-options",
        "/api/openapi.json",
        &picture,
    ] {
        let response = potret.get(path).await;
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    for path in ["/", "/docs"] {
        let page = potret.get(path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        for part in ["default-src 'none'; script-src 'self'; ", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{path}: {policy}");
        }
        assert!(
            !page.text.contains("<script>") && !page.text.contains("eyJ"),
            "{path} has no script and no token"
        );
    }
}

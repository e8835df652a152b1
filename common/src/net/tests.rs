//! Facts about the HTTP client: what it sends, how often, and to whom.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::*;

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server on this machine that counts the requests it reads.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// Over each connection, it sends one of `responses` for each request. It closes the connection after a
    /// response that says so, and after a request for which there is no response left.
    async fn start(responses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/secret?key=secret", listener.local_addr().expect("an address"));
        let requests = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.expect("a connection");
                tokio::spawn(respond(connection, responses, Arc::clone(&counter)));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn respond(mut connection: TcpStream, responses: &[&str], requests: Arc<AtomicUsize>) {
    for response in responses.iter().map(Some).chain([None]) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\na body") && !request.starts_with(b"GET") {
            if connection.read_buf(&mut request).await.expect("a request") == 0 {
                return;
            }
        }
        requests.fetch_add(1, Ordering::SeqCst);
        if let Some(response) = response {
            connection.write_all(response.as_bytes()).await.expect("written");
            if response.contains("connection: close") {
                return;
            }
        }
    }
}

fn post(url: &str) -> Request<Bytes> {
    Request::post(url).body(Bytes::from_static(b"a body")).expect("a request")
}

async fn send_once(url: &str) -> Result<Response, HttpError> {
    send(&client(Trust::MozillaThenSystem), post(url), 100).await
}

#[tokio::test]
async fn a_response_is_read_whole() {
    let server = Server::start(&[HELLO]).await;
    let response = send_once(&server.url).await.expect("a response");
    assert_eq!((response.status, response.body), (StatusCode::OK, "hello".into()));
}

#[tokio::test]
async fn a_response_that_is_too_long_is_not_read_to_its_end() {
    let server = Server::start(&[HELLO]).await;
    let refused = send(&client(Trust::MozillaThenSystem), post(&server.url), 4).await;
    assert!(matches!(refused, Err(HttpError::TooLong { most_bytes: 4 })), "{refused:?}");
}

#[tokio::test]
async fn no_request_is_sent_twice_when_the_connection_is_lost() {
    let server = Server::start(&[HELLO]).await;
    let client = client(Trust::MozillaThenSystem);
    send(&client, post(&server.url), 100).await.expect("a response");
    let lost = send(&client, post(&server.url), 100).await;
    assert!(matches!(lost, Err(HttpError::NotAnswered)), "on a connection that was used before: {lost:?}");
    assert_eq!(server.requests(), 2);

    let server = Server::start(&[]).await;
    let lost = send_once(&server.url).await;
    assert!(matches!(lost, Err(HttpError::NotAnswered)), "on a new connection: {lost:?}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_response_that_breaks_off_is_not_read() {
    const IN_HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    const IN_BODY: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nhello";
    for server in [Server::start(&[IN_HEAD]).await, Server::start(&[IN_BODY]).await] {
        let lost = send_once(&server.url).await;
        assert!(matches!(lost, Err(HttpError::NotAnswered)), "{lost:?}");
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for url in
        [format!("http://{closed}/"), format!("https://{closed}/"), "http://nowhere.invalid/".to_owned()]
    {
        let refused = send_once(&url).await;
        assert!(matches!(refused, Err(HttpError::NotSent)), "{url}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_takes_a_second_and_a_half_at_most() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let begun = tokio::time::Instant::now();
    let refused = send_once(&format!("https://{}/", silent.local_addr().expect("an address"))).await;
    assert!(matches!(refused, Err(HttpError::NotSent)), "{refused:?}");
    assert!(begun.elapsed() <= CONNECT_TIMEOUT * 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::start(&["HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"]).await;
    let response = send_once(&server.url).await.expect("a response");
    assert_eq!((response.status, server.requests()), (StatusCode::FOUND, 1));
    // This time with a body that reqwest could send again.
    let client = builder(Trust::MozillaThenSystem).build().expect("a client");
    let response = client.post(&server.url).body("a body").send().await.expect("a response");
    assert_eq!((response.status(), server.requests()), (StatusCode::FOUND, 2));
}

#[tokio::test]
async fn no_proxy_is_used_even_if_the_environment_names_one() {
    let this_test_binary = env::current_exe().expect("a test binary");
    let mut process = Command::new(this_test_binary);
    process.args(["--exact", "net::tests::a_response_is_read_whole"]);
    let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    process
        .envs(proxies.map(|name| (name, "http://127.0.0.1:1/")))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let output = process.output().await.expect("the test runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn errors_do_not_hold_the_url() {
    let server = Server::start(&[]).await;
    let request = HttpRequest::try_from(post(&server.url).map(SdkBody::from)).expect("a request");
    let error = client(Trust::MozillaThenSystem).call(request).await.expect_err("no response");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

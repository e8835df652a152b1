//! Serves the double alone on a free port of the loopback interface, for clients in other languages.
//!
//! It prints its two URLs, the one of `fal.run` and the one of `queue.fal.run`. Its argument is the key.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use fal_double::{FalDouble, Settings};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the URLs are for the script that started this")]
async fn main() -> anyhow::Result<()> {
    let key = std::env::args().nth(1).context("an argument is missing: the key")?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let fal = FalDouble::new(Settings {
        public_url: format!("http://{}/fal", listener.local_addr()?).parse()?,
        key: key.into(),
        latency: Duration::from_millis(300)..=Duration::from_millis(300),
        files: None,
    });
    println!("{} {}", fal.url(), fal.queue_url());
    Ok(axum::serve(listener, Router::new().nest("/fal", fal.router().merge(fal.pictures()))).await?)
}

//! An HTTP/1.1 server on loopback, with or without TLS. It sets TCP_NODELAY and writes head and body at once: two
//! writes would cost the client a delayed acknowledgement, which no service that is stood in for here costs.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What is answered.
pub type Answer = Response<Full<Bytes>>;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port and gives every request, once its body is there, to `answer`.
    pub fn start<A, F>(threads: &Handle, tls: Option<TlsAcceptor>, answer: A) -> anyhow::Result<Self>
    where
        A: Fn(Parts, Bytes) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = threads.block_on(TcpListener::bind("127.0.0.1:0")).context("no port is free")?;
        let address = listener.local_addr()?;
        let task = threads.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer) = (tls.clone(), answer.clone());
                tokio::spawn(async move {
                    // A client that goes away in the midst of it was killed, which ends every measurement.
                    stream.set_nodelay(true).ok();
                    match tls {
                        None => serve(stream, answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answer).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S, A, F>(stream: S, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Parts, Bytes) -> F,
    F: Future<Output = Answer>,
{
    let answer = &answer;
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, hyper::Error>(answer(head, body).await)
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// An answer of `status` with `body`.
pub fn answer(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let answer = Response::builder().status(status).header("content-type", content_type);
    answer.body(Full::new(body.into())).expect("a constant status and header")
}

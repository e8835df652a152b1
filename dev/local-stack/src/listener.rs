//! The one listener of a stack: its address, and serving until the stack stops.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;
use aws_double::backends::answering_at_once;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

/// Listens at `address` and returns the URL by which this machine reaches it.
///
/// # Errors
///
/// When the port is taken, or the address does not belong to this machine.
pub async fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, Url)> {
    let listener = TcpListener::bind(address).await.map_err(|error| explained(address, error))?;
    let url = loopback_url(listener.local_addr()?)?;
    Ok((listener, url))
}

/// Serves until `stopped` is dropped, then lets the running requests end.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async { drop(stopped.await) };
    axum::serve(answering_at_once(listener), service).with_graceful_shutdown(stopped).await
}

fn explained(address: SocketAddr, error: std::io::Error) -> anyhow::Error {
    let port = address.port();
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let other = SocketAddr::new(address.ip(), port.checked_add(1).unwrap_or(3000));
        anyhow!(
            "port {port} is taken by another program; stop it, or listen elsewhere: cargo dev --listen {other}"
        )
    } else {
        anyhow::Error::new(error).context(format!("cannot listen on {address}"))
    }
}

/// Nobody can connect to a wildcard address, so loopback replaces it.
fn loopback_url(address: SocketAddr) -> anyhow::Result<Url> {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => address.ip(),
    };
    Ok(Url::parse(&format!("http://{}", SocketAddr::new(ip, address.port())))?)
}

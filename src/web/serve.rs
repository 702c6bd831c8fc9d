//! Listening: one task a connection, and an end in order.
//!
//! A client has [`HEAD_TIMEOUT`] to send a request's head, also after the last answer, and [`HEAD_IF_BUSY`] when
//! half of the connections are taken; bodies have the handlers' own limits. At most [`MAX_CONNECTIONS`] are served at a time, the rest wait in the
//! kernel. HTTP/1 only: what is before us speaks it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use super::{WebState, router};
use crate::pace::Complaint;

/// A slow client holds a connection so long and no longer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// While many are there: who holds connections without asking must not keep out those who push, some of whom wait
/// 15 s and try once (Twilio). Heads come in one packet.
const HEAD_IF_BUSY: Duration = Duration::from_secs(2);

/// A head of more is an attack: ours have some hundred octets.
const MAX_HEAD: usize = 32 * 1024;

/// Each takes a file descriptor and some 50 KiB.
const MAX_CONNECTIONS: usize = 512;

/// Without file descriptors, accepting fails at once and again; so not too soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// After `stop`, open requests may end for so long.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` turns true or its sender is gone. Returns an error only if the listener is
/// no listener; one failed connection is not the end.
pub async fn serve(
    listener: TcpListener,
    state: WebState,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    listener.local_addr()?;
    let router = router(state);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let mut failed = Complaint::default();
    loop {
        let next = async {
            // Nobody closes the semaphore.
            let permit = Arc::clone(&room).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let head = match room.available_permits() > MAX_CONNECTIONS / 2 {
                    true => HEAD_TIMEOUT,
                    false => HEAD_IF_BUSY,
                };
                let connection = connection(stream, peer, head, router.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(e) => {
                if failed.is_due(Instant::now()) {
                    tracing::warn!(event = "accept", error = %e, "web: cannot accept a connection");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    let _ = tokio::time::timeout(GRACE, connections.wait()).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    head: Duration,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let router = router.layer(Extension(ConnectInfo(peer)));
    let service = TowerToHyperService::new(router);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // An error is the client's: it went away, was too slow or spoke no HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

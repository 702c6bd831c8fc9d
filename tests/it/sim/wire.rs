//! A wire between two programs that may be killed: a place with one address, that leads to wherever the
//! program is now. Who connects while it is nowhere waits; a kill cuts what is under way; and so does the
//! wire itself when it is told to let no answer through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// See the file's header.
pub struct Wire {
    address: SocketAddr,
    far: watch::Sender<Option<SocketAddr>>,
    mute: Arc<AtomicBool>,
}

impl Wire {
    /// It leads nowhere yet.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (far, leads) = watch::channel(None);
        let mute = Arc::new(AtomicBool::new(false));
        let is_mute = mute.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, leads.clone(), is_mute.clone()));
            }
        });
        Self { address, far, mute }
    }

    /// From now on it leads there.
    pub fn lead(&self, far: Option<SocketAddr>) {
        self.far.send_replace(far);
    }

    /// Connections that are made from now on are cut where the answer begins, or are not.
    pub fn mute(&self, mute: bool) {
        self.mute.store(mute, Ordering::SeqCst);
    }

    /// `http://127.0.0.1:40123` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn carry(
    mut near: TcpStream,
    mut leads: watch::Receiver<Option<SocketAddr>>,
    mute: Arc<AtomicBool>,
) {
    loop {
        let far = match leads.wait_for(Option::is_some).await {
            Ok(far) => *far,
            Err(_) => return,
        };
        match TcpStream::connect(far.expect("it leads somewhere")).await {
            Ok(mut far) if mute.load(Ordering::SeqCst) => {
                let (answer, mut request) = far.split();
                tokio::select! {
                    _ = copy(&mut near, &mut request) => {}
                    _ = answer.readable() => {}
                }
                return;
            }
            Ok(mut far) => {
                let _ = copy_bidirectional(&mut near, &mut far).await;
                return;
            }
            Err(_) if leads.changed().await.is_ok() => {}
            Err(_) => return,
        }
    }
}

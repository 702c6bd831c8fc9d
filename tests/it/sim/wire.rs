//! A wire between two programs that may be killed: a place with one address, that leads to wherever the
//! program is now. Who connects while it is nowhere waits; a kill cuts what is under way.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// See the file's header.
pub struct Wire {
    address: SocketAddr,
    far: watch::Sender<Option<SocketAddr>>,
}

impl Wire {
    /// It leads nowhere yet.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (far, leads) = watch::channel(None);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, leads.clone()));
            }
        });
        Self { address, far }
    }

    /// From now on it leads there.
    pub fn lead(&self, far: Option<SocketAddr>) {
        self.far.send_replace(far);
    }

    /// `http://127.0.0.1:40123` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn carry(mut near: TcpStream, mut leads: watch::Receiver<Option<SocketAddr>>) {
    loop {
        let far = match leads.wait_for(Option::is_some).await {
            Ok(far) => *far,
            Err(_) => return,
        };
        match TcpStream::connect(far.expect("it leads somewhere")).await {
            Ok(mut far) => {
                let _ = copy_bidirectional(&mut near, &mut far).await;
                return;
            }
            Err(_) if leads.changed().await.is_ok() => {}
            Err(_) => return,
        }
    }
}

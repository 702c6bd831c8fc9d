//! The product in this process, as benchmarks have it: everybody may send, its store is on disk, nobody takes its
//! reports.

use std::net::SocketAddr;
use std::path::Path;

use sms_milter::Addresses;
use sms_milter::milter::Listen;
use sms_milter::world::World;
use tokio::sync::{oneshot, watch};

/// Starts it with its configuration and store in `dir` and these gateways, a list in YAML: what stops it when
/// dropped, and its milter's address.
pub async fn start(dir: &Path, gateways: &str) -> (watch::Sender<bool>, SocketAddr) {
    let config = format!(
        r#"
hostname: bench.test
milter: {{ listen: "inet:127.0.0.1:0" }}
addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}
access: {{ trusted_networks: ["127.0.0.0/8"], defaults: {{ monthly_limit: 0 }} }}
users: [{{ email: bob@example.com, nickname: bob }}]
gateways: {gateways}
mail: {{ inject: "smtp://127.0.0.1:9", admin: postmaster@example.com }}
store: sled:store
web: {{ listen: 127.0.0.1:0 }}
"#
    );
    let path = dir.join("config.yaml");
    std::fs::write(&path, config).expect("a configuration");
    let settings = sms_milter::config::load(&path).unwrap_or_else(|e| panic!("{e}"));
    let (tell, milter) = oneshot::channel();
    let (run, stop) = watch::channel(false);
    tokio::spawn(async move {
        let ready = |addresses: &Addresses| tell.send(addresses.milter.clone()).expect("awaited");
        let ended = sms_milter::run(settings, World::real(), stop, ready).await;
        ended.unwrap_or_else(|e| panic!("{e}"));
    });
    match milter.await.expect("ready") {
        Listen::Inet { host, port } => {
            let address = format!("{host}:{port}").parse().expect("an address");
            (run, address)
        }
        Listen::Unix { .. } => unreachable!("TCP was asked for"),
    }
}

//! The product with a simulated network, seen from its milter door.

use std::process::Command;

use super::milter_client;
use super::product::{Place, Product};

/// The phone that the tests of the door write to.
const PHONE: &str = "+15551234567";

/// A running product.
pub struct Door {
    /// Its milter.
    pub milter: milter_client::Place,
    product: Product,
    place: Place,
}

impl Door {
    /// On TCP.
    pub async fn start() -> Self {
        Self::on("inet:127.0.0.1:0")
    }

    /// On a unix socket.
    pub async fn on_unix() -> Self {
        let path = std::env::temp_dir().join(format!("sms-milter-{}.sock", std::process::id()));
        Self::on(&format!("unix:{}", path.display()))
    }

    fn on(milter: &str) -> Self {
        // Nobody takes reports there: they wait, and concern other tests.
        let inject = "127.0.0.1:9".parse().expect("an address");
        let gateways = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]"#;
        let place = Place::with_milter(milter, inject, gateways);
        let product = place.start();
        let milter = milter_client::Place::parse(&product.milter);
        Self {
            milter,
            product,
            place,
        }
    }

    /// What the phone shows, once it is `count` messages.
    pub async fn texts(&self, count: usize) -> Vec<String> {
        self.product.phone(PHONE, count)
    }

    /// SIGTERM.
    pub fn begin_stop(&self) {
        use nix::sys::signal::{Signal, kill};
        kill(
            nix::unistd::Pid::from_raw(self.product.pid()),
            Signal::SIGTERM,
        )
        .expect("it runs");
    }

    /// Waits for the end; what it took is on disk.
    pub async fn ended(mut self) {
        assert!(self.product.ended().success(), "{}", self.product.log());
        let kept = self.place.start().phone(PHONE, 1);
        assert_eq!(kept.len(), 1);
    }

    /// Leaves the process `free` file descriptors.
    pub fn limit_files(&self, free: usize) {
        let pid = self.product.pid();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("it runs")
            .count();
        let limit = format!("--nofile={}", open + free);
        let done = Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &limit])
            .status();
        assert!(done.expect("prlimit, of util-linux").success());
    }
}

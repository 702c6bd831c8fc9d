//! Any octets as a table of users: never a panic, what is wrong has a line, and what was read is read again as it
//! is written.
#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sms_milter::config::table::Sheet;
use sms_milter::config::{self, Outside};

const CONFIG: &str = "hostname: mail.example.com
milter: { listen: inet:127.0.0.1:8895 }
addresses: { domains: [{ mail: example.com, sms: sms.example.com, region: US }] }
gateways: [{ id: lab, type: simulated }]
mail: { inject: smtp://127.0.0.1:10026 }
users: [{ email: ann@example.com, nickname: ann }]
users_csv: users.csv
";

struct Machine<'a>(&'a [u8]);

impl Outside for Machine<'_> {
    fn secret(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn pem(&self, path: &Path) -> io::Result<String> {
        self.secret(path)
    }
    fn table(&self, _: &Path) -> io::Result<(Vec<u8>, String)> {
        Ok((self.0.to_vec(), "users.csv".to_owned()))
    }
    fn mode(&self, _: &Path) -> io::Result<u32> {
        Ok(0o600)
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn hostname(&self) -> Option<String> {
        None
    }
}

fuzz_target!(|octets: &[u8]| {
    match config::parse(CONFIG, "config.yaml", Path::new("/"), &Machine(octets)) {
        Ok(settings) => assert!(!settings.access.users.is_empty()),
        Err(errors) => {
            for line in errors.lines() {
                assert!(line.starts_with("users.csv:") || line.ends_with(" more"), "{line}");
            }
        }
    }
    if let Ok(sheet) = Sheet::read(octets.to_vec(), "users.csv") {
        let again = Sheet::read(sheet.write(), "users.csv").expect("what was read once");
        assert_eq!(again.rows, sheet.rows);
    }
});

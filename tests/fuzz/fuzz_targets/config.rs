//! Any text as a configuration: it is judged, and every complaint names the file.
#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sms_milter::config::{self, Outside};

struct Nothing;

impl Outside for Nothing {
    fn secret(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn pem(&self, path: &Path) -> io::Result<String> {
        self.secret(path)
    }
    fn table(&self, _: &Path) -> io::Result<(Vec<u8>, String)> {
        Err(io::ErrorKind::NotFound.into())
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

fuzz_target!(|text: &str| {
    if let Err(errors) = config::parse(text, "config.yaml", Path::new("/"), &Nothing) {
        let lines = errors.lines();
        assert!(!lines.is_empty());
        for line in lines {
            assert!(line.starts_with("config.yaml") || line.ends_with(" more"), "{line}");
        }
    }
});

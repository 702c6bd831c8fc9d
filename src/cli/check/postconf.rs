//! Postfix's settings as `postconf` prints them, read.
//!
//! `postconf` is run with fixed arguments, no shell, 5 s, 1 MiB. A value may hold `$name`; a milter may
//! stand in braces with a `default_action` of its own; so may an option of master.cf.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// postconf takes some 10 ms.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of main.cf is some 50 KiB.
const MAX_OUTPUT: u64 = 1 << 20;

/// `$a` may name `$b`; ten deep is a circle.
const MAX_DEPTH: usize = 10;

/// Postfix's settings.
#[derive(Debug)]
pub struct Postfix {
    main: HashMap<String, String>,
    /// Its listeners.
    pub services: Vec<Service>,
}

/// An smtpd in master.cf.
#[derive(Debug, PartialEq)]
pub struct Service {
    /// `127.0.0.1:10587`, `submission`.
    pub name: String,
    /// Its `-o`.
    pub options: HashMap<String, String>,
}

/// A milter as Postfix names it.
#[derive(Debug, PartialEq)]
pub struct Milter {
    /// `inet:HOST:PORT`, `unix:PATH`.
    pub endpoint: String,
    /// Its own.
    pub default_action: Option<String>,
}

/// Asks Postfix. `None`: there is none on this machine.
pub fn ask(directory: Option<&Path>) -> Result<Option<Postfix>, String> {
    let Some(main) = postconf(directory, &["-x"])? else {
        return match directory {
            Some(_) => Err("there is no postconf on this machine".into()),
            None => Ok(None),
        };
    };
    let master = postconf(directory, &["-M"])?.unwrap_or_default();
    Ok(Some(Postfix::read(&main, &master)))
}

/// What postconf prints; `None` when there is none.
fn postconf(directory: Option<&Path>, args: &[&str]) -> Result<Option<String>, String> {
    // A user's PATH often lacks /usr/sbin.
    let child = ["postconf", "/usr/sbin/postconf"]
        .iter()
        .find_map(|program| {
            let mut command = Command::new(program);
            if let Some(directory) = directory {
                command.arg("-c").arg(directory);
            }
            command
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            command.spawn().ok()
        });
    let Some(mut child) = child else {
        return Ok(None);
    };
    let output = child.stdout.take().ok_or("postconf has no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.take(MAX_OUTPUT).read_to_end(&mut text);
        read.map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("postconf does not end".into());
            }
        }
    };
    let text = reader
        .join()
        .map_err(|_| "reading from postconf failed")?
        .map_err(|e| e.to_string())?;
    match status.success() {
        true => Ok(Some(text)),
        false => Err(format!("postconf failed: {status}")),
    }
}

impl Postfix {
    /// Reads what `postconf -x` and `postconf -M` print.
    pub fn read(main: &str, master: &str) -> Self {
        let main = main.lines().filter_map(|line| line.split_once('='));
        let main = main.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        Self {
            main: main.collect(),
            services: master.lines().filter_map(Service::read).collect(),
        }
    }

    /// A parameter of main.cf.
    pub fn parameter(&self, name: &str) -> String {
        self.expanded(self.main.get(name).map_or("", String::as_str))
    }

    /// A service's own value, else main.cf's.
    pub fn at(&self, service: &Service, name: &str) -> String {
        match service.options.get(name) {
            Some(own) => self.expanded(own),
            None => self.parameter(name),
        }
    }

    /// With `$name`, `${name}` and `$(name)` replaced.
    pub fn expanded(&self, value: &str) -> String {
        self.expand(value, MAX_DEPTH)
    }

    fn expand(&self, value: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let open = after.starts_with(['{', '(']);
            let name = after.trim_start_matches(['{', '(']);
            let end = name
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if depth > 0
                && let Some(value) = self.main.get(name)
            {
                out.push_str(&self.expand(value, depth - 1));
            }
            rest = if open {
                after.trim_start_matches(['}', ')'])
            } else {
                after
            };
        }
        out.push_str(rest);
        out
    }
}

impl Service {
    /// A line of `postconf -M`: name, type, five fields, command, arguments. `None` unless an smtpd.
    fn read(line: &str) -> Option<Self> {
        let words = arguments(line);
        let [name, kind, _, _, _, _, _, command, arguments @ ..] = words.as_slice() else {
            return None;
        };
        if command != "smtpd" || !matches!(kind.as_str(), "inet" | "pass" | "unix") {
            return None;
        }
        let mut options = HashMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(option) = argument.strip_prefix("-o") else {
                continue;
            };
            let option = if option.is_empty() {
                rest.next().map_or("", String::as_str)
            } else {
                option
            };
            if let Some((name, value)) = option.split_once('=') {
                options.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Some(Self {
            name: name.clone(),
            options,
        })
    }
}

/// Words between blanks; `{ … }` that begins a word is one, without its braces.
fn arguments(line: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = match rest.starts_with('{') {
            true => closing(rest).unwrap_or(rest.len()),
            false => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        all.push(match word.strip_prefix('{') {
            Some(inner) => inner.strip_suffix('}').unwrap_or(inner).trim().to_owned(),
            None => word.to_owned(),
        });
        rest = after.trim_start();
    }
    all
}

/// Behind the brace that closes the first one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t', '\r', '\n'])
        .filter(|word| !word.is_empty())
}

/// A list of milters: endpoints, or `{ endpoint, name=value, … }`.
pub(super) fn list(value: &str) -> Vec<Milter> {
    let mut milters = Vec::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        let end = match rest.starts_with('{') {
            true => closing(rest).unwrap_or(rest.len()),
            false => rest.find([',', ' ', '\t']).unwrap_or(rest.len()),
        };
        let (item, after) = rest.split_at(end);
        let item = item
            .trim_start_matches('{')
            .trim_end_matches('}')
            .replace(" =", "=")
            .replace("= ", "=");
        let mut words = words(&item);
        if let Some(endpoint) = words.next() {
            let default_action = words
                .find_map(|word| word.strip_prefix("default_action="))
                .map(str::to_owned);
            milters.push(Milter {
                endpoint: endpoint.to_owned(),
                default_action,
            });
        }
        rest = after.trim_start_matches([',', ' ', '\t', '\r', '\n']);
    }
    milters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milters_in_all_spellings() {
        let milter = |endpoint: &str, action: Option<&str>| Milter {
            endpoint: endpoint.to_owned(),
            default_action: action.map(str::to_owned),
        };
        for (text, expected) in [
            ("", vec![]),
            (
                "inet:a:1, unix:b",
                vec![milter("inet:a:1", None), milter("unix:b", None)],
            ),
            (
                "{ inet:a:1, default_action=accept, connect_timeout=1s } c",
                vec![milter("inet:a:1", Some("accept")), milter("c", None)],
            ),
            (
                "{inet:a:1,default_action = tempfail}",
                vec![milter("inet:a:1", Some("tempfail"))],
            ),
            ("{ unclosed", vec![milter("unclosed", None)]),
        ] {
            assert_eq!(list(text), expected, "{text}");
        }
    }

    #[test]
    fn values_name_values() {
        let postfix = Postfix::read("a = 1\nb = $a ${a}$(a)\nc = $c\nd = x$absent", "");
        for (name, expected) in [("b", "1 11"), ("c", ""), ("d", "x"), ("absent", "")] {
            assert_eq!(postfix.parameter(name), expected, "{name}");
        }
    }
}

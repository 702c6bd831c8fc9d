//! `modem list`: every serial port, what is behind it, and how well it hears the network.
//!
//! It says AT and reads; it changes nothing but echo and how errors are written, enters no PIN, and
//! leaves ports alone that somebody has open. All ports are asked at the same time, each for at most
//! `--timeout`.

use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::ask::{Asking, Sim, bars};
use super::port::{self, Known, Port, Unopened};
use super::unanswered::{Instead, instead};
use crate::cli::{Failure, Json, print};
use crate::wire::at::Ask;
use crate::wire::at::reading;
use crate::world::World;

/// More ports than a machine with sixteen sticks has.
const MAX_PORTS: usize = 128;

/// For one answer; what matters answers from memory.
const TIMEOUT: Duration = Duration::from_millis(1500);
const CALLS: usize = 2;

/// `modem list …`
#[derive(Clone, Debug, Args)]
pub(super) struct ListArgs {
    /// Only these ports; default: all but consoles
    #[arg(long, value_name = "PATH", num_args = 1..)]
    port: Vec<String>,
    /// Bits a second; USB modems do not care
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// How many seconds a port may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
    /// For programs
    #[command(flatten)]
    json: Json,
}

/// What a modem said; what it did not is `None`.
#[derive(Debug, Default)]
struct Modem {
    model: Option<String>,
    imei: Option<String>,
    sim: Option<Sim>,
    iccid: Option<String>,
    operator: Option<String>,
    signal: Option<u8>,
}

/// What is behind a port.
#[derive(Debug)]
enum Found {
    Modem(Box<Modem>),
    /// It cannot be asked.
    Unopened(Unopened),
    /// It is none.
    Other(Instead),
}

/// Asks all ports, and prints what they are.
pub(super) async fn list(
    args: &ListArgs,
    known: &Known,
    world: &World,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut ports: Vec<Port> = match args.port.is_empty() {
        true => port::all(),
        false => args.port.iter().map(|name| Port::named(name)).collect(),
    };
    ports.truncate(MAX_PORTS);
    if ports.is_empty() && !args.json.json {
        writeln!(
            out,
            "There is no serial port here, but consoles: is a modem plugged in?"
        )?;
        return Ok(());
    }
    let found = look(args, &ports, known, world).await;
    let lines: Vec<Value> = found
        .iter()
        .map(|(port, found)| line(port, found))
        .collect();
    print(
        out,
        args.json,
        &lines,
        &[
            ("port", "PORT"),
            ("what", "MODEM"),
            ("imei", "IMEI"),
            ("sim", "SIM"),
            ("operator", "OPERATOR"),
            ("hears", "SIGNAL"),
        ],
    )?;
    if !args.json.json {
        advise(&found, known, args, out)?;
    }
    Ok(())
}

async fn look<'a>(
    args: &ListArgs,
    ports: &'a [Port],
    known: &Known,
    world: &World,
) -> Vec<(&'a Port, Found)> {
    let progress = Progress::new(ports.len());
    let mut asked: FuturesUnordered<_> = ports
        .iter()
        .enumerate()
        .map(|(i, port)| async move { (i, probe(args, port, known, world).await) })
        .collect();
    let mut found = Vec::new();
    progress.show(0);
    while let Some(one) = asked.next().await {
        found.push(one);
        progress.show(found.len());
    }
    progress.end();
    found.sort_by_key(|(i, _)| *i);
    let found = found.into_iter();
    found
        .filter_map(|(i, found)| Some((ports.get(i)?, found)))
        .collect()
}

/// What a port is. When the time is over, what was found until then.
async fn probe(args: &ListArgs, port: &Port, known: &Known, world: &World) -> Found {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(args.timeout);
    let mut asking = match Asking::open(world, port, args.baud, known, TIMEOUT).await {
        Ok(asking) => asking,
        Err(why) => return Found::Unopened(why),
    };
    match timeout_at(deadline, asking.attention(CALLS)).await {
        Ok(Ok(())) => {}
        Ok(Err(heard)) => return Found::Other(instead(&heard)),
        Err(_) => return Found::Other(Instead::Nothing),
    }
    let mut modem = Modem::default();
    let _ = timeout_at(deadline, describe(&mut asking, &mut modem)).await;
    Found::Modem(Box::new(modem))
}

async fn describe(asking: &mut Asking, modem: &mut Modem) {
    modem.model = asking.model().await;
    modem.imei = reading::imei(&asking.any(Ask::Imei).await);
    modem.sim = Some(asking.sim().await);
    modem.signal = reading::signal(&asking.any(Ask::Signal).await);
    modem.iccid = asking.sim_id().await;
    modem.operator = asking.operator().await;
}

/// The keys that programs may rely on.
fn line(port: &Port, found: &Found) -> Value {
    let device = port.device.to_string_lossy();
    let mut value = json!({"port": port.name, "device": device});
    match found {
        Found::Modem(modem) => {
            value["state"] = "modem".into();
            value["what"] = modem.model.as_deref().unwrap_or("a modem").into();
            value["model"] = modem.model.clone().into();
            value["imei"] = modem.imei.clone().into();
            value["iccid"] = modem.iccid.clone().into();
            value["sim"] = sim_words(modem).into();
            value["sim_state"] = sim_state(modem).into();
            value["operator"] = modem.operator.clone().into();
            value["signal"] = modem.signal.into();
            value["hears"] = modem.signal.map(hears).into();
        }
        Found::Unopened(why) => {
            let state = match why {
                Unopened::Held(_) => "in use",
                Unopened::Denied(_) => "not allowed",
                Unopened::Missing => "missing",
                Unopened::NotSerial | Unopened::Other(_) => "broken",
            };
            value["state"] = state.into();
            value["what"] = unopened(why).into();
            if let Unopened::Held(holder) = why {
                value["gateway"] = holder.gateway.clone().into();
                value["process"] = holder.process.as_ref().map(|(pid, _)| *pid).into();
            }
        }
        Found::Other(what) => {
            value["state"] = "no modem".into();
            value["what"] = what.brief().into();
        }
    }
    value
}

fn unopened(why: &Unopened) -> String {
    match why {
        Unopened::Held(holder) => format!("in use by {}", holder.words()),
        Unopened::Denied(who) => format!("not allowed: {who}"),
        Unopened::Missing => "no such port".to_owned(),
        Unopened::NotSerial => "not a serial port".to_owned(),
        Unopened::Other(text) => text.clone(),
    }
}

fn hears(signal: u8) -> String {
    let (word, bars) = bars(signal);
    format!("{bars} {word}")
}

fn sim_words(modem: &Modem) -> Option<String> {
    match modem.sim.as_ref()? {
        Sim::Wants(code) if code == "SIM PIN" => Some("wants its PIN".to_owned()),
        sim => match sim.trouble() {
            Some((what, _)) => Some(what),
            None => modem.iccid.clone(),
        },
    }
}

fn sim_state(modem: &Modem) -> Option<&str> {
    Some(match modem.sim.as_ref()? {
        Sim::Ready => "READY",
        Sim::Wants(code) => code,
        Sim::Error(_) => "error",
        Sim::Silent => "unknown",
    })
}

/// What to do with what was found.
fn advise(
    found: &[(&Port, Found)],
    known: &Known,
    args: &ListArgs,
    out: &mut dyn Write,
) -> io::Result<()> {
    let fresh = unconfigured(found, known);
    let modems = found
        .iter()
        .any(|(_, found)| matches!(found, Found::Modem(_)));
    if fresh.is_empty() && !modems {
        let held = |(_, found): &(&Port, Found)| matches!(found, Found::Unopened(Unopened::Held(holder)) if holder.is_daemon());
        if !found.iter().any(held) {
            writeln!(
                out,
                "\nNo modem answers; sms-milter modem test PORT says more."
            )?;
        }
        return Ok(());
    }
    if fresh.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nTo use what is new, below `gateways:` in the configuration:\n"
    )?;
    for (number, (port, modem)) in (1..).zip(fresh) {
        let mut id = format!("modem{number}");
        while known.has_id(&id) {
            id.push('x');
        }
        writeln!(out, "  - id: {id}")?;
        writeln!(out, "    type: modem")?;
        writeln!(out, "    device: {}", quoted(&port.name))?;
        if args.baud != 115_200 {
            writeln!(out, "    baud: {}", args.baud)?;
        }
        if modem.sim == Some(Sim::Wants("SIM PIN".to_owned())) {
            writeln!(out, "    pin: {{ file: /etc/sms-milter/{id}.pin }}")?;
        }
        writeln!(out, "    number: \"+…\"    # the SIM's own number")?;
    }
    Ok(())
}

/// Modems that no gateway has, each by its first port: a stick has three, and two of them answer.
fn unconfigured<'a>(found: &'a [(&'a Port, Found)], known: &Known) -> Vec<(&'a Port, &'a Modem)> {
    let modems = || {
        found.iter().filter_map(|(port, found)| match found {
            Found::Modem(modem) => Some((*port, &**modem)),
            _ => None,
        })
    };
    let mut seen: HashSet<&str> = modems()
        .filter(|(port, _)| known.gateway(port).is_some())
        .filter_map(|(_, modem)| modem.imei.as_deref())
        .collect();
    modems()
        .filter(|(port, _)| known.gateway(port).is_none())
        .filter(|(_, modem)| modem.imei.as_deref().is_none_or(|imei| seen.insert(imei)))
        .collect()
}

/// A YAML scalar.
fn quoted(name: &str) -> String {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c));
    match plain {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

/// One line on a terminal, which is gone at the end.
struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        let shown = total > 0 && io::stderr().is_terminal();
        Self { total, shown }
    }

    // What cannot be shown is no loss.
    fn show(&self, done: usize) {
        if self.shown {
            let total = self.total;
            let _ = write!(io::stderr(), "\r\x1b[Kasking {total} ports, {done} done …");
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modem(imei: &str) -> Found {
        Found::Modem(Box::new(Modem {
            imei: Some(imei.to_owned()),
            model: Some("Simulated SIM-1".to_owned()),
            ..Modem::default()
        }))
    }

    #[test]
    fn advises_one_port_of_a_modem() {
        let ports = ["/dev/a", "/dev/b", "/dev/c d"].map(Port::named);
        let found = [
            (&ports[0], modem("1")),
            (&ports[1], modem("1")),
            (&ports[2], modem("2")),
        ];
        let mut out = Vec::new();
        let args = ListArgs {
            port: vec![],
            baud: 9600,
            timeout: 5,
            json: Json { json: false },
        };
        advise(&found, &Known::default(), &args, &mut out).expect("output");
        let said = String::from_utf8(out).expect("UTF-8");
        assert!(
            said.contains("- id: modem1\n    type: modem\n    device: /dev/a\n    baud: 9600\n")
        );
        assert!(
            said.contains("device: \"/dev/c d\"") && !said.contains("/dev/b"),
            "{said}"
        );
    }
}

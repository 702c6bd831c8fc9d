//! Modems that answer each command from a table, keep SMS, and can be plugged in anywhere.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sms_milter::wire::pdu::{self, Pdu};
use sms_milter::world::{Dial, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::AbortHandle;

/// A modem with a SIM.
#[derive(Debug, Default)]
pub struct Device {
    imei: &'static str,
    iccid: &'static str,
    pub pin: Option<&'static str>,
    pub open: bool,
    pub stored: BTreeMap<u16, String>,
    /// What it says to the next submissions; then it takes all.
    pub replies: VecDeque<&'static str>,
    pub ussd: String,
    /// Every command, in order.
    pub commands: Vec<String>,
    /// What it sent.
    pub sent: Vec<pdu::Submit>,
}

impl Device {
    /// A modem that is well.
    pub fn new(imei: &'static str, iccid: &'static str) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            imei,
            iccid,
            ..Self::default()
        }))
    }

    /// The answer to a command line.
    fn answer(&mut self, line: &str) -> String {
        const SLOTS: usize = 20;
        self.commands.push(line.to_owned());
        let used = self.stored.len();
        let said = match line {
            "AT+CGSN" => self.imei.to_owned(),
            "AT+CCID" => format!("+CCID: \"{}\"", self.iccid),
            "AT+CPIN?" if self.pin.is_some() && !self.open => "+CPIN: SIM PIN".into(),
            "AT+CPIN?" => "+CPIN: READY".into(),
            "AT+CMGF?" => "+CMGF: 0".into(),
            "AT+CSMS?" => "+CSMS: 0,1,1,1".into(),
            "AT+CPMS?" => {
                format!("+CPMS: \"SM\",{used},{SLOTS},\"SM\",{used},{SLOTS},\"SM\",{used},{SLOTS}")
            }
            "AT+CSCA?" => "+CSCA: \"+15550001111\",145".into(),
            "AT+CREG?" => "+CREG: 0,1".into(),
            "AT+CSQ" => "+CSQ: 17,99".into(),
            "AT+COPS?" => "+COPS: 0,0,\"SimNet\"".into(),
            "AT+CMGL=4" => {
                let stored = self.stored.iter();
                let lines = stored
                    .map(|(slot, hex)| format!("+CMGL: {slot},1,,{}\r\n{hex}", hex.len() / 2 - 1));
                lines.collect::<Vec<_>>().join("\r\n")
            }
            _ => match line.split_once('=') {
                Some(("AT+CPIN", pin)) => {
                    self.open = self.pin == Some(pin.trim_matches('"'));
                    if !self.open {
                        return "\r\n+CME ERROR: 16\r\n".into();
                    }
                    String::new()
                }
                Some(("AT+CPMS", _)) => {
                    format!("+CPMS: {used},{SLOTS},{used},{SLOTS},{used},{SLOTS}")
                }
                Some(("AT+CMGD", slot)) => {
                    let slot = slot.parse().expect("a slot");
                    self.stored.remove(&slot);
                    String::new()
                }
                Some(("AT+CUSD", ask)) if ask.starts_with('1') => {
                    return format!("\r\nOK\r\n\r\n+CUSD: 0,\"{}\",15\r\n", self.ussd);
                }
                Some(("AT+CPINR", _)) => return "\r\nERROR\r\n".into(),
                _ => String::new(),
            },
        };
        match said.as_str() {
            "" => "\r\nOK\r\n".into(),
            said => format!("\r\n{said}\r\n\r\nOK\r\n"),
        }
    }

    fn submit(&mut self, hex: &str) -> String {
        let Ok(Pdu::Submit(submit)) = pdu::decode(hex) else {
            return "\r\n+CMS ERROR: 304\r\n".into();
        };
        match self.replies.pop_front() {
            Some(error) => format!("\r\n{error}\r\n"),
            None => {
                let reference = submit.reference;
                self.sent.push(submit);
                format!("\r\n+CMGS: {reference}\r\n\r\nOK\r\n")
            }
        }
    }
}

/// Speaks until the line goes.
async fn speak(device: Arc<Mutex<Device>>, mut line: DuplexStream) {
    let (mut said, mut in_text) = (Vec::new(), false);
    let mut octet = [0];
    while line.read_exact(&mut octet).await.is_ok() {
        let text = |said: &mut Vec<u8>| {
            String::from_utf8_lossy(&std::mem::take(said))
                .trim()
                .to_owned()
        };
        let answer = match (octet[0], in_text) {
            (0x1A, true) => {
                in_text = false;
                let hex = text(&mut said);
                device.lock().expect("device").submit(&hex)
            }
            (0x1B, _) => {
                said.clear();
                if std::mem::take(&mut in_text) {
                    "\r\nOK\r\n".into()
                } else {
                    continue;
                }
            }
            (b'\r', false) => match text(&mut said).as_str() {
                "" => continue,
                line if line.starts_with("AT+CMGS=") => {
                    in_text = true;
                    "\r\n> ".into()
                }
                line => device.lock().expect("device").answer(line),
            },
            (octet, _) => {
                said.push(octet);
                continue;
            }
        };
        if line.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What is plugged in, and its lines.
type Plugged = (Arc<Mutex<Device>>, Vec<AbortHandle>);

/// The ports of a machine, by name.
#[derive(Clone, Default)]
pub struct Ports(Arc<Mutex<BTreeMap<String, Plugged>>>);

impl Ports {
    /// Plugs a modem in.
    pub fn plug(&self, port: &str, device: &Arc<Mutex<Device>>) {
        let mut ports = self.0.lock().expect("ports");
        ports.insert(port.to_owned(), (device.clone(), Vec::new()));
    }

    /// Pulls it out: its lines end, and its SIM is locked again.
    pub fn unplug(&self, port: &str) {
        let gone = self.0.lock().expect("ports").remove(port);
        let (device, lines) = gone.expect("a modem");
        lines.iter().for_each(AbortHandle::abort);
        device.lock().expect("device").open = false;
    }
}

#[async_trait]
impl Dial for Ports {
    async fn serial(&self, device: &str, _: u32) -> io::Result<Box<dyn Stream>> {
        let mut ports = self.0.lock().expect("ports");
        let Some((modem, lines)) = ports.get_mut(device) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (ours, theirs) = tokio::io::duplex(4096);
        lines.push(tokio::spawn(speak(modem.clone(), theirs)).abort_handle());
        Ok(Box::new(ours))
    }

    fn ports(&self) -> Vec<String> {
        self.0.lock().expect("ports").keys().cloned().collect()
    }
}

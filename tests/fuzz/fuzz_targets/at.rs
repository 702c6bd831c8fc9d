//! Any octets from a modem: the core never panics, writes only ASCII commands and whole PDUs, answers
//! every submission once, and deletes nothing that was not kept.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sms_milter::wire::Core;
use sms_milter::wire::at::{At, Command, Event, Sending, Settings, Tpdu};

const PDU: &str = "0001000B915155214365F7000002E834";

fuzz_target!(|octets: &[u8]| {
    let mut now = Instant::now();
    let settings = Settings {
        centre: None,
        storage: None,
        init: Vec::new(),
        timeout: Duration::from_secs(16),
        send_timeout: Duration::from_secs(120),
        poll: Duration::from_secs(30),
    };
    let mut at = At::new(settings, now);
    at.handle_command(Command::Open, now);
    let (mut asked, mut answered, mut written) = (0, 0, Vec::new());
    // 0xFE ends a piece and lets time pass, 0xFD sends.
    for piece in octets.split_inclusive(|octet| matches!(octet, 0xFD | 0xFE)) {
        at.handle_input(piece, now);
        match piece.last() {
            Some(0xFD) => {
                asked += 1;
                let tpdu = Tpdu::new(PDU, PDU.len() / 2 - 1).expect("a PDU");
                at.handle_command(Command::Send(Sending { ticket: asked, tpdu, repeat: false }), now);
            }
            _ => now += Duration::from_secs(1),
        }
        at.handle_timeout(now);
        while let Some(bytes) = at.poll_transmit() {
            written.extend(bytes);
        }
        while let Some(event) = at.poll_event() {
            match event {
                Event::Sent { .. } | Event::Refused { .. } | Event::Unknown { .. } => answered += 1,
                Event::PinWanted => at.handle_command(Command::Pin(None), now),
                Event::Parked(_) | Event::Dead(_) => at.handle_command(Command::Open, now),
                _ => {}
            }
        }
    }
    at.handle_command(Command::Lost("over".into()), now);
    while let Some(event) = at.poll_event() {
        if let Event::Sent { .. } | Event::Refused { .. } | Event::Unknown { .. } = event {
            answered += 1;
        }
    }
    assert_eq!(asked, answered);
    let written = String::from_utf8(written).expect("ASCII");
    assert!(!written.contains("AT+CMGD") && !written.contains("AT+CPIN="));
    for (end, _) in written.match_indices('\u{1a}') {
        assert!(written[..end].ends_with(PDU));
    }
});

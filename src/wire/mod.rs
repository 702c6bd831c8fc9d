//! Protocol cores, without IO.
//!
//! Layer 1: bytes and time come in as arguments, bytes and events go out. A [`Core`] never reads a
//! clock, never waits and never blocks, so that a transcript can drive it through a day in no time.
//! `gateway::drive` moves bytes between a core and a stream.

use std::time::Instant;

pub mod at;
pub mod meaning;
pub mod pdu;
pub mod push;
pub mod template;

/// One end of a protocol, as a machine.
///
/// After every `handle_…` call the driver takes out all of [`Core::poll_transmit`] and
/// [`Core::poll_event`], and asks [`Core::poll_timeout`] anew. Calls of `handle_…` come with times that
/// never go back.
pub trait Core {
    /// What its owner asks of it.
    type Command;
    /// What it tells its owner.
    type Event;

    /// Bytes came in, cut anywhere.
    fn handle_input(&mut self, bytes: &[u8], now: Instant);

    /// The owner wants something.
    fn handle_command(&mut self, command: Self::Command, now: Instant);

    /// The time of [`Core::poll_timeout`] has come. Harmless when it has not.
    fn handle_timeout(&mut self, now: Instant);

    /// The next bytes to write, in order.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// The next thing to tell, in order.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When it wants to be woken, if ever.
    fn poll_timeout(&self) -> Option<Instant>;
}

//! The vocabulary of SMS: numbers, messages, alphabets, segments, receipts.
//!
//! Layer 0. Pure data and arithmetic: no async, no serde, no IO, no clock.

pub mod alphabet;
pub mod clean;
pub mod message;
pub mod national;
pub mod number;
pub mod numbered;
mod numbering;
pub mod parameters;
pub mod party;
pub mod receipt;
pub mod segment;
pub mod span;
pub mod udh;

pub use message::{Class, Concat, Encoding, Language, MessageId, Segment, Shifts};
pub use national::Languages;
pub use number::{Number, Region};
pub use parameters::{Attributes, Marks, Payload};
pub use party::Party;
pub use receipt::Receipt;

//! Stores: the suite that every backend must pass, and what is the backend's own.

mod accounts;
mod failing;
pub mod make;
mod optout;
mod sled;
mod stuck;
mod suite;

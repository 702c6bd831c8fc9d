//! sms-milter: a milter beside Postfix or Sendmail that makes SMS a part of mail.
//!
//! Two paths. Out: [`milter`] → [`outbound`] (plan, accept, dispatch, settle, notify) → [`gateway`]. In:
//! [`gateway`] → [`inbound`] (keep, join, address, deliver) → [`mail::inject`]. Between the steps stands
//! the [`store`]: what was said yes to is on disk before the yes.
//!
//! Five layers, and a module uses only those below it (a test reads the `use` lines):
//!
//! | layer | modules |
//! |---|---|
//! | 0 vocabulary | [`sms`], [`world`], [`secret`], [`live`], [`pace`] |
//! | 1 cores without IO | [`wire`], [`mail`] (but `inject`), [`rules`], [`access`], [`phonebook`], [`route`] |
//! | 2 parts | [`store`], [`gateway`], [`directory`], `mail::inject` |
//! | 3 paths | [`outbound`], [`inbound`] |
//! | 4 doors | [`milter`], [`web`], [`control`], [`cli`] |
//! | 5 assembly | [`config`], [`run`], `main` |

pub mod live;
pub mod pace;
pub mod secret;
pub mod sms;
pub mod world;

pub mod access;
pub mod mail;
pub mod phonebook;
pub mod route;
pub mod rules;
pub mod wire;

pub mod directory;
pub mod gateway;
pub mod store;

pub mod inbound;
pub mod outbound;

pub mod cli;
pub mod control;
pub mod milter;
pub mod web;

pub mod assembly;
pub mod config;
pub mod logging;

pub use assembly::{Addresses, open_desk, run, serve};

//! Every test that is not beside its code: one binary, so that it links once.

mod binary;
mod chat;
mod check;
mod config;
mod dispatch;
mod explain;
mod faults;
mod http_gateway;
mod inbound;
mod kill;
mod layers;
mod mail_text;
mod milter;
mod modem;
mod modem_command;
mod mta;
mod path;
mod pdu_peers;
mod sim;
mod store;
mod store_crash;
mod told;
mod web;

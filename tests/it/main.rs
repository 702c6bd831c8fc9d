//! Every test that is not beside its code: one binary, so that it links once.

mod binary;
mod chat;
mod check;
mod config;
mod dispatch;
mod explain;
mod faults;
mod gateways;
mod http_gateway;
mod inbound;
mod kill;
mod layers;
mod mail_text;
mod milter;
mod modem;
mod modem_command;
mod modem_line;
mod mta;
mod path;
mod pdu_peers;
mod sharing;
mod sim;
mod store;
mod store_crash;
mod told;
mod web;

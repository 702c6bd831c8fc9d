//! What the product has around it, played: phones, modems, providers, MTAs. And the product itself.

pub mod directories;
pub mod door;
pub mod dovecot;
pub mod failing_store;
pub mod kannel;
pub mod lmtp;
pub mod milter_client;
pub mod modem;
pub mod mta;
pub mod patience;
pub mod port;
pub mod product;
pub mod provider;
pub mod smtp_sink;
pub mod tls;
pub mod wire;

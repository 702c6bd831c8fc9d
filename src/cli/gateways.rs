//! `sms-milter gateways list|accept|presets`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, Json, ask, presets, print};
use crate::config;
use crate::control::Request;

/// `gateways …`
#[derive(Debug, Args)]
pub struct GatewaysArgs {
    #[command(subcommand)]
    command: GatewaysCommand,
}

#[derive(Debug, Subcommand)]
enum GatewaysCommand {
    /// Show how each gateway does, its SIM, and what it sent
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Take the SIM (or modem) that is there now for the gateway's own: after it was swapped on purpose
    Accept {
        /// The gateway's id
        id: String,
    },
    /// Show the providers that are known, what each needs, and what to write
    Presets {
        /// Show this one in full
        name: Option<String>,
        #[command(flatten)]
        json: Json,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &GatewaysArgs, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        GatewaysCommand::List { json } => {
            let mut lines = ask(config::load(path)?, Request::Gateways).await?;
            if !json.json {
                lines.iter_mut().for_each(shorten);
            }
            let columns = [
                ("id", "ID"),
                ("type", "TYPE"),
                ("state", "STATE"),
                ("operator", "OPERATOR"),
                ("signal", "SIGNAL"),
                ("sim", "SIM"),
                ("storage", "STORAGE"),
                ("today", "TODAY"),
                ("month", "MONTH"),
                ("balance", "BALANCE"),
                ("reason", "REASON"),
            ];
            print(out, *json, &lines, &columns)
        }
        GatewaysCommand::Accept { id } => {
            ask(config::load(path)?, Request::AcceptSim { id: id.clone() }).await?;
            writeln!(out, "{id} takes the SIM that is there now, within a minute")?;
            Ok(())
        }
        GatewaysCommand::Presets { name, json } => presets::run(name.as_deref(), *json, out),
    }
}

/// Makes the columns for people of what programs get.
fn shorten(line: &mut Value) {
    let of = |used: &Value, all: &Value| match (used, all) {
        (Value::Null, _) => Value::Null,
        (used, Value::Null) => used.clone(),
        (used, all) => format!("{used}/{all}").into(),
    };
    line["storage"] = of(&line["storage_used"], &line["storage_total"]);
    line["today"] = of(&line["sent_today"], &line["daily_limit"]);
    line["month"] = of(&line["sent_month"], &line["monthly_limit"]);
    if let (Value::Null, Some(failure)) = (&line["reason"], line["failure"].as_str()) {
        line["reason"] = format!("last failure: {failure}").into();
    }
    if let Some(dbm) = line["dbm"].as_i64() {
        line["signal"] = format!("{dbm} dBm").into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shortens_for_people() {
        let mut line = json!({
            "storage_used": 3, "storage_total": 20, "sent_today": 7, "daily_limit": null,
            "signal": 17, "dbm": -79, "reason": null, "failure": "cannot connect: no such name",
        });
        shorten(&mut line);
        assert_eq!(line["storage"], "3/20");
        assert_eq!(line["today"], 7);
        assert_eq!(line["month"], Value::Null);
        assert_eq!(line["signal"], "-79 dBm");
        assert_eq!(line["reason"], "last failure: cannot connect: no such name");
    }
}

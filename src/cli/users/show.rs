//! `sms-milter users show`: one user as RCPT would see them, wherever the entry comes from: the configuration, or
//! a directory, which is asked now. Needs no daemon and no store.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::access::found::Question;
use crate::access::{Confirm, User};
use crate::cli::{Failure, Json};
use crate::config;

/// `users show …`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// An address, alias or login
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    json: Json,
}

/// Does it.
pub async fn run(path: &Path, args: &ShowArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let name = &args.name;
    let nobody = || Failure {
        code: 67, // EX_NOUSER
        text: format!("{name}: no such user, neither in the configuration nor in a directory"),
    };
    let shown = match settings.access.users.named(name) {
        Some(user) => shown(user, "users"),
        None => {
            let question = Question::name(name).ok_or_else(nobody)?;
            let found = settings.directories.find(&question).await;
            let found = found.map_err(|later| Failure {
                code: 75, // EX_TEMPFAIL
                text: later.to_string(),
            })?;
            let (user, directory) = found.ok_or_else(nobody)?;
            match settings.access.users.named(&user.email) {
                // Under the same address the configuration decides.
                Some(own) => shown(own, "users"),
                None => shown(&user, directory),
            }
        }
    };
    if args.json.json {
        writeln!(out, "{shown}")?;
        return Ok(());
    }
    for (key, value) in shown.as_object().into_iter().flatten() {
        let value = match value {
            Value::Null => continue,
            Value::Array(all) if all.is_empty() => continue,
            Value::Array(all) => {
                let all = all.iter().filter_map(Value::as_str);
                all.collect::<Vec<_>>().join(", ")
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        writeln!(out, "{key}: {value}")?;
    }
    Ok(())
}

/// The keys of `users`, with what the defaults and the domain say. No hash.
fn shown(user: &User, from: &str) -> Value {
    let policy = &user.policy;
    let rights = [
        (policy.to_users, "users"),
        (policy.to_external, "external"),
        (policy.phonebook, "phonebook"),
        (policy.binary, "binary"),
        (policy.choose_gateway, "gateway"),
    ];
    let rights = rights.iter().filter(|(has, _)| *has);
    let rights: Vec<_> = rights.map(|(_, right)| *right).collect();
    let number = |number: &Option<crate::sms::Number>| {
        number.as_ref().map(|number| number.as_str().to_owned())
    };
    json!({
        "email": user.email, "from": from, "name": user.name, "aliases": user.aliases,
        "login": user.login, "nickname": user.nickname, "mobile": number(&user.mobile),
        "phone_alias": number(&user.phone_alias), "gateway": user.gateway,
        "expires": user.expires.map(|day| day.to_string()), "active": user.active,
        "send": rights, "monthly_limit": policy.monthly_limit, "max_segments": policy.max_segments,
        "confirm": match policy.confirm {
            Confirm::Asked => "asked",
            Confirm::Always => "always",
            Confirm::Never => "never",
        },
        "sender_ids": policy.sender_ids, "class": policy.class.name(), "language": policy.language.as_deref(),
        "template": policy.template.as_deref(),
    })
}

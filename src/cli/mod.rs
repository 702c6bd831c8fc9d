//! The command line. One file a command; they translate and call.
//!
//! Exit codes are those of sysexits.h: 0 done, 64 wrong usage, 65 wrong data, 69 no such thing or no
//! daemon, 70 our fault, 74 IO, 75 try again, 78 wrong configuration. And 1: the modem or the network
//! said no; 141: whoever read our output has enough.

pub mod check;
pub mod explain;
pub mod gateways;
pub mod inbound;
pub mod mail;
pub mod modem;
pub mod optout;
pub mod pdu;
pub mod phone;
pub mod phonebook;
pub mod presets;
pub mod progress;
pub mod queue;
pub mod reload;
pub mod send;
mod special;
pub mod store;
pub mod templates;
pub mod token;
pub mod users;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use crate::config::{self, Settings};
use crate::control::{self, Refused, Request};
use crate::world::World;

/// SMS as a part of mail: a milter beside Postfix or Sendmail.
#[derive(Debug, Parser)]
#[command(name = "sms-milter", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = "/etc/sms-milter/config.yaml"
    )]
    pub config: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Run,
    /// Have the daemon read its configuration again
    Reload,
    /// Say what is wrong with the configuration and its surroundings
    Check(check::CheckArgs),
    /// Say what would happen to a mail, without sending anything
    Explain(explain::ExplainArgs),
    /// Look after the messages to phones
    Queue(queue::QueueArgs),
    /// Look after received SMS that need an admin
    Inbound(inbound::InboundArgs),
    /// Look after mails of ours that the mail server has not taken
    Mail(mail::MailArgs),
    /// Send an SMS
    Send(send::SendArgs),
    /// Encode and decode SMS PDUs
    Pdu(pdu::Args),
    /// Show how the gateways do and which providers are known, and say which SIM is meant
    Gateways(gateways::GatewaysArgs),
    /// Look after the phonebook: learned numbers, contacts, groups
    Phonebook(phonebook::PhonebookArgs),
    /// Look after the list of phones that want no SMS
    #[command(name = "optout")]
    OptOut(optout::OptOutArgs),
    /// Look after modems
    Modem(modem::ModemArgs),
    /// Make, list and revoke tokens, each of which pays for a few numbers
    Token(token::TokenArgs),
    /// The phones of the simulated network
    Phone(phone::PhoneArgs),
    /// Look after the users
    Users(users::UsersArgs),
    /// Print the texts of the mails and SMS that we write, as they are in force
    Templates(templates::TemplatesArgs),
    /// Look after the store while no daemon runs
    Store(store::StoreArgs),
}

/// Output for programs.
#[derive(Clone, Copy, Debug, Args)]
pub struct Json {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Why a command ends, and with which exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// From sysexits.h.
    pub code: u8,
    /// For people; may have several lines. Empty: everything was said.
    pub text: String,
}

impl Failure {
    /// 64: the arguments make no sense.
    pub fn usage(text: impl Into<String>) -> Self {
        Self {
            code: 64,
            text: text.into(),
        }
    }
    /// 65: the data make no sense.
    pub fn data(text: impl Into<String>) -> Self {
        Self {
            code: 65,
            text: text.into(),
        }
    }
    /// 69: no such thing, or no daemon.
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self {
            code: 69,
            text: text.into(),
        }
    }
    /// 75: may work later.
    pub fn temporary(text: impl Into<String>) -> Self {
        Self {
            code: 75,
            text: text.into(),
        }
    }
    /// 78: the configuration is wrong.
    pub fn config(text: impl Into<String>) -> Self {
        Self {
            code: 78,
            text: text.into(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // `… | head`: whoever read has enough. As if SIGPIPE had ended us, without a word.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self {
                code: 141,
                text: String::new(),
            };
        }
        Self {
            code: 74,
            text: error.to_string(),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Usage(text) => Self::usage(text),
            Refused::Unavailable(text) => Self::unavailable(text),
            Refused::Store(error) => Self::temporary(error.to_string()),
        }
    }
}

impl From<config::Errors> for Failure {
    fn from(errors: config::Errors) -> Self {
        Self::config(errors.to_string().trim_end())
    }
}

/// Does what the command line says, all but `run`, which `main` does itself.
pub fn dispatch(cli: Cli, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let out = &mut std::io::stdout().lock();
    let path = &cli.config;
    match cli.command {
        Command::Run => runtime.block_on(crate::assembly::serve(path)),
        Command::Reload => runtime.block_on(reload::run(path, out)),
        Command::Check(args) => check::run(path, &args, out),
        Command::Explain(args) => runtime.block_on(explain::run(path, &args, out)),
        Command::Queue(args) => runtime.block_on(queue::run(path, &args, out)),
        Command::Inbound(args) => runtime.block_on(inbound::run(path, &args, out)),
        Command::Mail(args) => runtime.block_on(mail::run(path, &args, out)),
        Command::Send(args) => runtime.block_on(send::run(path, &args, out)),
        Command::Pdu(args) => pdu::run(&args, out).map_err(|e| Failure::data(e.to_string())),
        Command::Gateways(args) => runtime.block_on(gateways::run(path, &args, out)),
        Command::Modem(args) => runtime.block_on(modem::run(path, &args, &World::real(), out)),
        Command::Token(args) => runtime.block_on(token::run(path, &args, out)),
        Command::OptOut(args) => runtime.block_on(optout::run(path, &args, out)),
        Command::Phonebook(args) => runtime.block_on(phonebook::run(path, &args, out)),
        Command::Phone(args) => runtime.block_on(phone::run(path, &args, out)),
        Command::Users(args) => runtime.block_on(users::run(path, &args, out)),
        Command::Templates(args) => templates::run(path, &args, out),
        Command::Store(args) => runtime.block_on(store::run(path, &args, out)),
    }
}

/// Asks the daemon; with none, opens the store and asks the same desk here.
pub async fn ask(settings: Settings, request: Request) -> Result<Vec<Value>, Failure> {
    Line::new(settings).ask(request).await
}

/// Who answers several requests: the daemon, or the desk of a store that is ours as long as this lives.
pub struct Line {
    control: PathBuf,
    here: Here,
}

enum Here {
    /// Nobody has answered yet, or the daemon has.
    Unopened(Box<Settings>),
    Open(Box<control::Desk>),
    /// The store could not be opened.
    Broken,
}

impl Line {
    /// Opens nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            control: settings.control.clone(),
            here: Here::Unopened(Box::new(settings)),
        }
    }

    /// Asks.
    pub async fn ask(&mut self, request: Request) -> Result<Vec<Value>, Failure> {
        if let Here::Open(desk) = &self.here {
            return Ok(desk.answer(request).await?);
        }
        let answered = control::ask(&self.control, &request)
            .await
            .map_err(|error| unheard(&self.control, &error))?;
        if let Some(answer) = answered {
            return Ok(answer?);
        }
        let Here::Unopened(settings) = std::mem::replace(&mut self.here, Here::Broken) else {
            return Err(Failure::unavailable("the store could not be opened"));
        };
        as_owner(&settings.store.path)?;
        if matches!(request, Request::Send { .. }) {
            eprintln!("sms-milter: no daemon is running: what is sent now waits for it");
        }
        let desk = crate::assembly::open_desk(*settings, World::real()).await?;
        let answer = desk.answer(request).await;
        self.here = Here::Open(Box::new(desk));
        Ok(answer?)
    }
}

fn unheard(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Failure {
            code: 77,
            text: format!("{path}: {error}; run this as root, or as the user of sms-milter"),
        },
        _ => Failure::unavailable(format!("{path}: {error}")),
    }
}

/// Whether we may open the store in place of the daemon: it must be there, and ours. What root makes
/// there the daemon's user cannot open.
pub fn as_owner(store: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let Ok(directory) = std::fs::metadata(store) else {
        let text = format!(
            "no daemon is running, and there is no store at {} yet",
            store.display()
        );
        return Err(Failure::unavailable(text));
    };
    let owner = nix::unistd::Uid::from_raw(directory.uid());
    if owner == nix::unistd::geteuid() {
        return Ok(());
    }
    let name = nix::unistd::User::from_uid(owner)
        .ok()
        .flatten()
        .map(|user| user.name);
    let name = name.unwrap_or_else(|| format!("#{owner}"));
    Err(Failure {
        code: 77,
        text: format!(
            "no daemon is running, and {} belongs to {name}: run this as that user, with \
             runuser -u {name} -- sms-milter …",
            store.display()
        ),
    })
}

/// An export holds texts and numbers: for its owner only, and never over another file.
pub fn new_file(path: &str) -> Result<std::fs::File, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    opened.map_err(|error| Failure {
        code: 73,
        text: match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                format!("{path} is there already; remove it, or write another name")
            }
            _ => format!("{path}: {error}"),
        },
    })
}

/// Prints answers: JSON lines, or a table of these keys with their headings, times in seconds.
pub fn print(
    out: &mut dyn Write,
    json: Json,
    lines: &[Value],
    columns: &[(&str, &str)],
) -> Result<(), Failure> {
    if json.json {
        for line in lines {
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let cell = |line: &Value, key: &str| match &line[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Err(_) => text.replace(char::is_control, " "),
        },
        other => other.to_string(),
    };
    let mut rows = vec![
        columns
            .iter()
            .map(|(_, heading)| heading.to_string())
            .collect::<Vec<_>>(),
    ];
    rows.extend(
        lines
            .iter()
            .map(|line| columns.iter().map(|(key, _)| cell(line, key)).collect()),
    );
    let width = |i: usize| {
        rows.iter()
            .map(|row| row[i].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    for row in &rows {
        let padded = row
            .iter()
            .zip(&widths)
            .map(|(text, width)| format!("{text:width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

//! Users in an SQL database: PostgreSQL, MySQL and MariaDB, SQLite.
//!
//! The query is the admin's, and names are bound to it, never pasted (threats T57): what the database
//! prepares is the same text for every name. A few connections, each made when it is needed. TLS
//! verifies chain and name (T44); it is left out on this machine, and elsewhere only where the admin says so.
//! SQLite is opened for reading, and not made when it is absent.
//!
//! A row's columns are the keys of `users`, by their names or as `columns` says; further ones mean
//! nothing here, so that `SELECT *` works. Texts, whole numbers, booleans, dates and (PostgreSQL) arrays of
//! text are read; what has another type must be cast in the query. Two rows are one too many.
//!
//! Statements are not kept by the connection, so that a pooler in between (PgBouncer) may share it.

mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, SqlSafeStr, Statement};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::values::{of_mysql, of_postgres, of_sqlite};
use super::template::{Name, Template};
use super::{Directory, Entry, Later, Login, Probe};
use crate::access::found::Question;

/// Connections: a look-up takes a millisecond, and what was found is remembered.
const CONNECTIONS: usize = 4;

/// One is who is meant; a second shows that it is not clear who is.
const MOST: usize = 2;

/// Nobody is called so: what `check` asks for.
const NOBODY: &str = "sms-milter-check@invalid";

/// The database, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A server.
    Server {
        /// Which.
        kind: Server,
        /// Name or address.
        host: String,
        /// The server's own, by default.
        port: u16,
        /// A unix socket (MySQL) or its directory (PostgreSQL), instead.
        socket: Option<PathBuf>,
        /// The database.
        database: String,
    },
    /// A file of SQLite.
    File(PathBuf),
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// PostgreSQL.
    Postgres,
    /// MySQL, MariaDB.
    MySql,
}

/// The database, and what it is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where.
    pub place: Place,
    /// Who we are; without a password where the database asks for none.
    pub login: Option<Login>,
    /// TLS, verified.
    pub tls: bool,
    /// PEM of certificates that are trusted beside the system's.
    pub ca: Option<String>,
    /// Finds by address, alias or login.
    pub name: Template,
    /// Finds by nickname.
    pub nickname: Option<Template>,
    /// Finds by phone.
    pub mobile: Option<Template>,
    /// Column (lower case) → keys of `users`.
    pub columns: BTreeMap<String, Vec<String>>,
}

impl Place {
    /// On this machine: nobody listens on the way.
    pub fn is_near(&self) -> bool {
        match self {
            Place::Server { host, socket, .. } => socket.is_some() || super::is_near(host),
            Place::File(_) => true,
        }
    }

    /// For people.
    fn shown(&self) -> String {
        match self {
            Place::Server {
                kind,
                host,
                port,
                socket,
                database,
            } => {
                let kind = match kind {
                    Server::Postgres => "PostgreSQL",
                    Server::MySql => "MySQL",
                };
                match socket {
                    Some(socket) => format!("{kind} at {}, database {database}", socket.display()),
                    None => format!("{kind} at {host}:{port}, database {database}"),
                }
            }
            Place::File(path) => format!("SQLite {}", path.display()),
        }
    }
}

enum Options {
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

enum Connection {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

/// A row: its columns that mean something here, as texts.
type Record = Vec<(String, Vec<String>)>;

/// An SQL database.
pub struct Sql {
    name: String,
    settings: Settings,
    timeout: Duration,
    options: Options,
    gate: Semaphore,
    /// Connections that nobody uses just now. sqlx's own pool would try a server that refuses for the whole
    /// timeout, and then not say why.
    idle: Mutex<Vec<Connection>>,
}

/// What went wrong, for people.
enum Failed {
    Database(sqlx::Error),
    /// A column that cannot be read; what to write instead.
    Column(String),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Failed::Database(error)
    }
}

/// The first rows of a query, as records: the same words for each database, which share no type.
macro_rules! rows {
    ($columns:ident, $connection:ident, $sql:ident, $binds:ident, $value:ident) => {{
        let mut query = sqlx::query(AssertSqlSafe($sql)).persistent(false);
        for bind in $binds {
            query = query.bind(bind);
        }
        let mut rows = query.fetch($connection);
        let mut found = Vec::new();
        while found.len() < MOST
            && let Some(row) = rows.try_next().await?
        {
            let mut record = Record::new();
            for (index, column) in row.columns().iter().enumerate() {
                let name = column.name().to_lowercase();
                if let Some(keys) = $columns.get(&name) {
                    let value = $value(&row, index, column.name())?;
                    record.extend(keys.iter().map(|key| (key.clone(), value.clone())));
                }
            }
            found.push(record);
        }
        found
    }};
}

/// The columns that a query brings.
macro_rules! columns {
    ($connection:ident, $sql:ident) => {{
        let statement = $connection.prepare(AssertSqlSafe($sql).into_sql_str());
        let statement = statement.await?;
        let names = statement.columns().iter().map(|column| column.name());
        names.map(str::to_lowercase).collect()
    }};
}

/// What is done on a connection.
enum Job {
    /// Ask, with these values.
    Rows(String, Vec<String>),
    /// Ask which columns there would be: one record, of names without values.
    Columns(String),
}

impl Connection {
    async fn work(
        &mut self,
        columns: &BTreeMap<String, Vec<String>>,
        job: &Job,
    ) -> Result<Vec<Record>, Failed> {
        match job {
            Job::Rows(sql, binds) => self.rows(columns, sql.clone(), binds.clone()).await,
            Job::Columns(sql) => self.columns(sql.clone()).await,
        }
    }

    async fn rows(
        &mut self,
        columns: &BTreeMap<String, Vec<String>>,
        sql: String,
        binds: Vec<String>,
    ) -> Result<Vec<Record>, Failed> {
        Ok(match self {
            Connection::Postgres(open) => rows!(columns, open, sql, binds, of_postgres),
            Connection::MySql(open) => rows!(columns, open, sql, binds, of_mysql),
            Connection::Sqlite(open) => rows!(columns, open, sql, binds, of_sqlite),
        })
    }

    async fn columns(&mut self, sql: String) -> Result<Vec<Record>, Failed> {
        let names: Vec<String> = match self {
            Connection::Postgres(open) => columns!(open, sql),
            Connection::MySql(open) => columns!(open, sql),
            Connection::Sqlite(open) => columns!(open, sql),
        };
        Ok(vec![
            names.into_iter().map(|name| (name, Vec::new())).collect(),
        ])
    }
}

impl Sql {
    /// Connects to nothing yet.
    pub fn new(name: String, settings: Settings, timeout: Duration) -> Self {
        Self {
            name,
            options: options(&settings, timeout),
            settings,
            timeout,
            gate: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
        }
    }

    fn template(&self, question: &Question) -> Option<&Template> {
        match question {
            Question::Name(_) => Some(&self.settings.name),
            Question::Nickname { .. } => self.settings.nickname.as_ref(),
            Question::Mobile(_) => self.settings.mobile.as_ref(),
        }
    }

    fn text(&self, template: &Template) -> String {
        template.sql(|n| match self.options {
            // PostgreSQL does not guess the type of what a function is given.
            Options::Postgres(_) => Cow::Owned(format!("${n}::text")),
            Options::MySql(_) | Options::Sqlite(_) => Cow::Borrowed("?"),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on a connection that may have died unnoticed, and keeps it when it is well.
    async fn on_connection(&self, job: &Job) -> Result<Vec<Record>, Failed> {
        // Never closed.
        let _permit = self.gate.acquire().await;
        let columns = &self.settings.columns;
        let idle = self.idle().pop();
        if let Some(mut connection) = idle {
            match connection.work(columns, job).await {
                Err(failed) if failed.is_of_connection() => {
                    // The server has gone, and with it the others.
                    self.idle().clear();
                }
                done => {
                    self.idle().push(connection);
                    return done;
                }
            }
        }
        let mut connection = self.options.connect().await?;
        let done = connection.work(columns, job).await;
        if !done.as_ref().is_err_and(Failed::is_of_connection) {
            self.idle().push(connection);
        }
        done
    }

    /// Within the timeout, with connecting and waiting.
    async fn within(&self, job: &Job) -> Result<Vec<Record>, Later> {
        let name = &self.name;
        match timeout(self.timeout, self.on_connection(job)).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Failed::Database(error))) => {
                Err(Later::Down(format!("{name}: {}", describe(&error))))
            }
            Ok(Err(Failed::Column(why))) => Err(Later::Unusable(format!("{name}: {why}"))),
            Err(_) => {
                let why = format!("{name}: no answer in {:?}", self.timeout);
                Err(Later::Down(why))
            }
        }
    }
}

impl Failed {
    /// Another connection may do better.
    fn is_of_connection(&self) -> bool {
        match self {
            Failed::Column(_) => false,
            // 57P01 and its like: the server shuts down. What else it says, it says to everybody.
            Failed::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P"))
            }
            Failed::Database(_) => true,
        }
    }
}

/// How the database is connected to.
fn options(settings: &Settings, patience: Duration) -> Options {
    let login = settings.login.as_ref();
    let ca = || settings.ca.clone().map(String::into_bytes);
    match &settings.place {
        Place::Server {
            kind: Server::Postgres,
            host,
            port,
            socket,
            database,
        } => {
            let mut options = PgConnectOptions::new_without_pgpass()
                .host(host)
                .port(*port)
                .database(database)
                .application_name("sms-milter")
                .statement_cache_capacity(0)
                .ssl_mode(match settings.tls {
                    true => PgSslMode::VerifyFull,
                    false => PgSslMode::Disable,
                });
            if let Some(login) = login {
                options = options.username(&login.name);
                options = options.password(login.password.expose());
            }
            if let Some(socket) = socket {
                options = options.socket(socket);
            }
            if let Some(ca) = ca() {
                options = options.ssl_root_cert_from_pem(ca);
            }
            Options::Postgres(Box::new(options.disable_statement_logging()))
        }
        Place::Server {
            kind: Server::MySql,
            host,
            port,
            socket,
            database,
        } => {
            let mut options = MySqlConnectOptions::new()
                .host(host)
                .port(*port)
                .database(database)
                .statement_cache_capacity(0)
                .ssl_mode(match settings.tls {
                    true => MySqlSslMode::VerifyIdentity,
                    false => MySqlSslMode::Disabled,
                });
            if let Some(login) = login {
                options = options.username(&login.name);
                options = options.password(login.password.expose());
            }
            if let Some(socket) = socket {
                options = options.socket(socket);
            }
            if let Some(ca) = ca() {
                options = options.ssl_ca_from_pem(ca);
            }
            Options::MySql(Box::new(options.disable_statement_logging()))
        }
        Place::File(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .read_only(true)
                .create_if_missing(false)
                .statement_cache_capacity(0)
                .busy_timeout(patience);
            Options::Sqlite(Box::new(options.disable_statement_logging()))
        }
    }
}

impl Options {
    async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Options::Postgres(options) => Connection::Postgres(options.connect().await?),
            Options::MySql(options) => Connection::MySql(options.connect().await?),
            Options::Sqlite(options) => Connection::Sqlite(options.connect().await?),
        })
    }
}

/// What the database said, in words; never what was bound.
fn describe(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} ({code})", error.message()),
            None => error.message().to_owned(),
        },
        error => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    };
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(300).collect()
}

#[async_trait]
impl Directory for Sql {
    fn name(&self) -> &str {
        &self.name
    }

    async fn find(&self, question: &Question) -> Result<Option<Entry>, Later> {
        let Some(template) = self.template(question) else {
            return Ok(None);
        };
        let Some(binds) = template.binds(Name::of(question)) else {
            return Ok(None);
        };
        let job = Job::Rows(self.text(template), binds);
        let mut rows = self.within(&job).await?;
        let place = format!("{}: {question}", self.name);
        match rows.len() {
            0 => Ok(None),
            1 => Entry::new(&place, rows.remove(0)).map(Some),
            _ => Err(Later::Ambiguous(format!(
                "{place}: the query finds several rows; make it find one"
            ))),
        }
    }

    async fn probe(&self) -> Result<Probe, Later> {
        let job = Job::Columns(self.text(&self.settings.name));
        let columns = self.within(&job).await?;
        let columns: Vec<String> = columns
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .collect();
        let mut remarks = Vec::new();
        let means = |column: &&String| self.settings.columns.contains_key(*column);
        let is_email = |column: &String| {
            let keys = self.settings.columns.get(column);
            keys.is_some_and(|keys| keys.iter().any(|key| key == "email"))
        };
        if !columns.iter().any(is_email) {
            let why = format!(
                "{}: the query has no column email; write SELECT … AS email, or columns: {{ email: … }}",
                self.name
            );
            return Err(Later::Unusable(why));
        }
        let idle: Vec<_> = columns
            .iter()
            .filter(|c| !means(c))
            .map(String::as_str)
            .collect();
        if !idle.is_empty() {
            remarks.push(format!(
                "of the query's columns these mean nothing: {}",
                idle.join(", ")
            ));
        }
        if !self.settings.tls && !self.settings.place.is_near() {
            remarks.push(
                "names and the password cross the network in clear; remove tls: false".into(),
            );
        }
        for nobody in [
            Question::Name(NOBODY.to_owned()),
            Question::Nickname {
                nickname: "sms-milter-check".to_owned(),
                domain: "invalid".to_owned(),
            },
        ] {
            self.find(&nobody).await?;
        }
        Ok(Probe {
            reached: format!("{} answers", self.settings.place.shown()),
            remarks,
        })
    }
}

//! `users_csv`: users as a table, RFC 4180 and what spreadsheets make of it.
//!
//! The first line names the columns, which are the keys of `users`, in whatever case and with the words that
//! address books and directories use, in English and German (`COLUMNS`). Comma, semicolon or tab, whichever the first line has most
//! of; UTF-8 with or without a BOM; any line ends. A cell that is empty says nothing, as a key that is not there
//! does. A list in a cell is separated by `;`, `,` or blanks (sender ids not by blanks); `none` is an empty one.
//!
//! Octets in, rows out: nothing is judged here but the shape. What is wrong is said by line and column.
//!
//! Limits: `MAX_CELL` octets a cell, `MAX_COLUMNS` columns; the file's size is the reader's matter.

use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};

use super::problems::{At, Row, Table};
use super::raw::{self, Several, Spelled};
use super::scalars::{Judge, shown};
use super::users::Crowd;
use crate::phonebook::columns::{plain, separator};

/// A hundred aliases. What is longer is a quote that nobody closed, and with it half of the file.
const MAX_CELL: usize = 8 * 1024;

/// There are two dozen keys; a table with more columns than this is no table of users.
const MAX_COLUMNS: usize = 256;

/// The keys whose cells may have several lines.
const LISTS: [&str; 6] = [
    "aliases",
    "certificates",
    "send",
    "allow",
    "deny",
    "sender_ids",
];

/// The keys that have a column, and other words for them: small letters and digits.
const COLUMNS: [(&str, &[&str]); 24] = [
    (
        "email",
        &[
            "mail",
            "emailaddress",
            "mailaddress",
            "address",
            "emails",
            "userprincipalname",
            "emailadresse",
            "mailadresse",
        ],
    ),
    (
        "name",
        &[
            "fullname",
            "displayname",
            "realname",
            "cn",
            "commonname",
            "anzeigename",
        ],
    ),
    (
        "aliases",
        &["alias", "emailaliases", "otheraddresses", "proxyaddresses"],
    ),
    (
        "login",
        &[
            "username",
            "user",
            "userid",
            "uid",
            "account",
            "samaccountname",
            "smtplogin",
            "benutzer",
            "benutzername",
        ],
    ),
    ("certificates", &["certificate", "clientcertificate"]),
    ("nickname", &["nick", "shortname", "spitzname", "kürzel"]),
    (
        "mobile",
        &[
            "mobilephone",
            "mobilenumber",
            "mobiletelephone",
            "phone",
            "phonenumber",
            "cell",
            "cellphone",
            "telephone",
            "telephonenumber",
            "tel",
            "gsm",
            "msisdn",
            "number",
            "handy",
            "handynummer",
            "mobil",
            "mobilnummer",
            "mobiltelefon",
            "telefon",
            "telefonnummer",
            "rufnummer",
        ],
    ),
    ("phone_alias", &["callerid", "aliasnumber"]),
    ("gateway", &["gatewayid"]),
    (
        "expires",
        &[
            "expiry",
            "expiration",
            "expirydate",
            "expirationdate",
            "expireson",
            "validuntil",
            "gültigbis",
        ],
    ),
    ("active", &["enabled", "isactive", "aktiv"]),
    ("password_hash", &["hash", "passwordphc"]),
    ("send", &["rights", "right", "may", "permissions", "rechte"]),
    (
        "allow",
        &["allowed", "allowedprefixes", "alloweddestinations"],
    ),
    ("deny", &["denied", "deniedprefixes", "denieddestinations"]),
    (
        "monthly_limit",
        &[
            "limit",
            "limitpermonth",
            "monthly",
            "quota",
            "monthlyquota",
            "smslimit",
            "monatslimit",
        ],
    ),
    ("credit", &["credits", "totallimit", "guthaben"]),
    (
        "max_segments",
        &["maxsms", "segments", "maxparts", "maxmsgs"],
    ),
    ("confirm", &["confirmation", "confirmations"]),
    ("sender_ids", &["senderid", "sender", "senders"]),
    ("class", &["urgency"]),
    (
        "language",
        &["lang", "locale", "preferredlanguage", "sprache"],
    ),
    ("template", &[]),
    // Known only to be refused in other words.
    (
        "password",
        &["pass", "passwd", "secret", "passwort", "kennwort"],
    ),
];

/// What is wrong at a line and a column.
pub(super) type Wrong = ((usize, usize), String);

/// A table of any octets.
pub(super) fn read(octets: Vec<u8>, file: String) -> Result<Table, Wrong> {
    let mut text = decode(octets)?;
    // Old Macs end a line with CR alone.
    if !text.contains('\n') {
        text = text.replace('\r', "\n");
    }
    // Excel's own way to say it; no line of the table.
    let said = match text.strip_prefix("sep=").map(str::as_bytes) {
        Some(&[said @ (b',' | b';' | b'\t'), b'\r' | b'\n', ..]) => Some(said),
        _ => None,
    };
    let separator = said.unwrap_or_else(|| separator(&text));
    if said.is_some() {
        // An empty line is none, and the lines below keep their numbers.
        text.replace_range(.."sep=,".len(), "");
    }
    let mut table = Table {
        file,
        text,
        separator,
        columns: Vec::new(),
    };
    let mut names = StringRecord::new();
    let found = reader(&table).read_record(&mut names);
    let line = line_of(&table, &names).0;
    if !matches!(found, Ok(true)) {
        let text =
            "has no lines; the first one names the columns, as email,name,mobile,monthly_limit";
        return Err(((1, 1), text.to_owned()));
    }
    table.columns = columns(&names, line)?;
    Ok(table)
}

fn decode(mut octets: Vec<u8>) -> Result<String, Wrong> {
    if octets.starts_with(b"\xEF\xBB\xBF") {
        octets.drain(..3);
    }
    if octets.starts_with(b"\xFF\xFE") || octets.starts_with(b"\xFE\xFF") {
        let text = "is UTF-16; save it as \"CSV UTF-8\", or run iconv -f UTF-16 -t UTF-8";
        return Err(((1, 1), text.to_owned()));
    }
    let place = |octets: &[u8]| {
        let line = octets.iter().filter(|octet| **octet == b'\n').count() + 1;
        let last = octets.rsplit(|octet| *octet == b'\n').next();
        // What is before it is UTF-8, or has no letters of more than an octet that matter.
        let column = String::from_utf8_lossy(last.unwrap_or_default())
            .chars()
            .count()
            + 1;
        (line, column)
    };
    let odd = |octet: &u8| *octet < b' ' && !b"\t\r\n\x0B\x0C".contains(octet);
    if let Some(at) = octets.iter().position(odd) {
        let text = "is no text: this is not a CSV file (save a spreadsheet as \"CSV UTF-8\")";
        return Err((place(&octets[..at]), text.to_owned()));
    }
    String::from_utf8(octets).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = "is not UTF-8, but probably Latin-1 (Windows-1252); save it as \"CSV UTF-8\", or run \
                    iconv -f WINDOWS-1252 -t UTF-8";
        (place(&error.as_bytes()[..at]), text.to_owned())
    })
}

fn columns(names: &StringRecord, line: usize) -> Result<Vec<Option<&'static str>>, Wrong> {
    let wrong = |at: usize, text: String| {
        Err((
            (
                line,
                names
                    .iter()
                    .take(at)
                    .map(|n| n.chars().count() + 1)
                    .sum::<usize>()
                    + 1,
            ),
            text,
        ))
    };
    if names.len() > MAX_COLUMNS {
        let text = format!(
            "has {} columns; a table of users has at most {MAX_COLUMNS}",
            names.len()
        );
        return wrong(0, text);
    }
    if let Some(at) = names.iter().position(|name| name.len() > MAX_CELL) {
        let text =
            "is too long for the name of a column; the first line names them, as email,name,mobile";
        return wrong(at, text.to_owned());
    }
    if let Some(at) = names.iter().position(|name| name.contains('@')) {
        let text = "the first line must name the columns; write one above it, as email,name,mobile";
        return wrong(at, text.to_owned());
    }
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    for (at, written) in names.iter().enumerate() {
        let name = plain(written);
        let is = |(key, others): &&(&str, &[&str])| {
            plain(key) == name || others.contains(&name.as_str())
        };
        let key = match COLUMNS.iter().find(is) {
            _ if name.is_empty() && written.trim().is_empty() => None,
            Some(("password", _)) => {
                let text = "passwords are not kept; write password_hash, as sms-milter users hash prints it";
                return wrong(at, text.to_owned());
            }
            Some((key, _)) => Some(*key),
            None => return wrong(at, unknown(written)),
        };
        if key.is_some() && columns.contains(&key) {
            let text = format!(
                "{} is {} too, which another column is already; leave one of them",
                shown(written.trim()),
                key.unwrap_or_default()
            );
            return wrong(at, text);
        }
        columns.push(key);
    }
    if !columns.contains(&Some("email")) {
        let text = "no column is email; write the users' addresses in one of that name";
        return wrong(0, text.to_owned());
    }
    Ok(columns)
}

fn unknown(written: &str) -> String {
    let known: Vec<_> = COLUMNS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| *key != "password")
        .collect();
    let near = known
        .iter()
        .map(|key| (strsim::jaro_winkler(&plain(key), &plain(written)), *key));
    let near = near.max_by(|a, b| a.0.total_cmp(&b.0));
    let shown = shown(written.trim());
    match near {
        Some((likeness, key)) if likeness >= 0.85 => {
            format!("there is no column {shown}; did you mean {key}?")
        }
        _ => format!(
            "there is no column {shown}; write {}, or remove it",
            known.join(", ")
        ),
    }
}

fn reader(table: &Table) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(table.separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(table.text.as_bytes())
}

/// The line and the offset of a record: where the reader says, but behind empty lines.
fn line_of(table: &Table, record: &StringRecord) -> (usize, usize) {
    let (line, offset) = record
        .position()
        .map_or((1, 0), |at| (at.line() as usize, at.byte() as usize));
    let rest = table.text.get(offset..).unwrap_or_default();
    let empty = rest.bytes().take_while(|b| matches!(b, b'\r' | b'\n'));
    let (lines, octets) = empty.fold((0, 0), |(lines, octets), b| {
        (lines + usize::from(b == b'\n'), octets + 1)
    });
    (line + lines, offset + octets)
}

/// The rows of a table, in order, without those that are empty. `each` says whether to go on.
pub(super) fn rows(table: &Arc<Table>, mut each: impl FnMut(Row, &StringRecord) -> bool) {
    let mut reader = reader(table);
    let mut record = StringRecord::new();
    let mut first = true;
    // It is UTF-8, and any number of cells is taken: nothing is left that could be an error.
    while let Ok(true) = reader.read_record(&mut record) {
        let names = std::mem::take(&mut first);
        if names || record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let (line, offset) = line_of(table, &record);
        let row = Row {
            table: Arc::clone(table),
            line,
            offset,
        };
        if !each(row, &record) {
            return;
        }
    }
}

impl Judge<'_> {
    /// `users_csv`: its users, after those of `users`.
    pub fn users_csv(&mut self, at: &At, name: &str, crowd: &mut Crowd<'_>) {
        let path = self.path(at, name);
        let (octets, file) = match self.outside.table(&path) {
            Ok(read) => read,
            Err(error) => {
                let text = format!(
                    "cannot be read: {error}; write the path of a table of users, or \
                     make it: sms-milter users import FILE"
                );
                return self.wrong(at, name, text);
            }
        };
        let table = match read(octets, file.clone()) {
            Ok(table) => Arc::new(table),
            Err((place, what)) => return self.errors.add_in(&file, place, what),
        };
        let hashes = table.columns.contains(&Some("password_hash"));
        if hashes && self.outside.mode(&path).is_ok_and(|mode| mode & 0o007 != 0) {
            let text = format!(
                "everybody may read this file, and hashes of passwords are in it; run chmod o= {}",
                path.display()
            );
            self.warnings.add(at, text);
        }
        rows(&table, |row, cells| {
            let at = At::row(row);
            let user = self.row(&at, &table, cells);
            crowd.add(self, &at, &user)
        });
    }

    fn row(&mut self, at: &At, table: &Table, cells: &StringRecord) -> raw::User {
        let mut user = raw::User::default();
        for (i, cell) in cells.iter().enumerate() {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            match table.columns.get(i) {
                None => {
                    let (has, names) = (cells.len(), table.columns.len());
                    let separator = char::from(table.separator);
                    let text = format!(
                        "has {has} cells, but the first line names {names}; put what holds a {separator:?} in quotes"
                    );
                    self.errors.add(at, text);
                    break;
                }
                Some(None) => {
                    let text = format!(
                        "{} stands in column {}, which has no name",
                        shown(cell),
                        i + 1
                    );
                    self.errors.add(at, text);
                }
                Some(Some(key)) if cell.len() > MAX_CELL => {
                    let text = format!("has more than {MAX_CELL} octets; is a quote not closed?");
                    self.errors.add(&at.key(*key), text);
                }
                Some(Some(key)) if cell.contains('\n') && !LISTS.contains(key) => {
                    let text = "goes over more than one line; is a quote not closed?";
                    self.errors.add(&at.key(*key), text.to_owned());
                }
                Some(Some(key @ ("mobile" | "phone_alias"))) if is_rounded(cell) => {
                    let text = "was rounded by a spreadsheet; make the column text there, and write the number again";
                    self.wrong(&at.key(*key), cell, text);
                }
                Some(Some(key)) => self.cell(at, key, cell, &mut user),
            }
        }
        user
    }

    fn cell(&mut self, at: &At, key: &'static str, cell: &str, user: &mut raw::User) {
        let text = || Some(cell.to_owned());
        let spelled = || Some(Spelled(cell.to_owned()));
        let list = |separators: &[char]| {
            let items = cell
                .split(separators)
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Some(Several(items.map(str::to_owned).collect()))
        };
        let words = || list(&[';', ',', ' ', '\n', '\t']);
        // A name may hold blanks.
        let names = || list(&[';', ',', '\n']);
        match key {
            "email" => user.email = text(),
            "name" => user.name = spelled(),
            "aliases" => user.aliases = words(),
            "login" => user.login = spelled(),
            "certificates" => user.certificates = names(),
            "nickname" => user.nickname = spelled(),
            "mobile" => user.mobile = spelled(),
            "phone_alias" => user.phone_alias = spelled(),
            "gateway" => user.gateway = text(),
            "expires" => user.expires = spelled(),
            "active" => user.active = self.yes_or_no(&at.key(key), cell),
            "password_hash" => user.password_hash = text(),
            "send" => user.send = words(),
            "allow" => user.allow = words(),
            "deny" => user.deny = words(),
            "monthly_limit" => user.monthly_limit = self.count(&at.key(key), cell),
            "credit" => user.credit = spelled(),
            "max_segments" => user.max_segments = self.count(&at.key(key), cell),
            "confirm" => user.confirm = text(),
            "sender_ids" => user.sender_ids = names(),
            "class" => user.class = text(),
            "language" => user.language = text(),
            "template" => user.template = text(),
            _ => {}
        }
    }

    fn yes_or_no(&mut self, at: &At, cell: &str) -> Option<bool> {
        match cell.to_ascii_lowercase().as_str() {
            // Excel writes them in its own language.
            "true" | "yes" | "y" | "1" | "on" | "active" | "enabled" | "wahr" | "ja" | "aktiv" => {
                Some(true)
            }
            "false" | "no" | "n" | "0" | "off" | "inactive" | "disabled" | "falsch" | "nein" => {
                Some(false)
            }
            _ => {
                self.wrong(at, cell, "is neither yes nor no; write true or false");
                None
            }
        }
    }

    fn count<T: std::str::FromStr>(&mut self, at: &At, cell: &str) -> Option<T> {
        let digits = cell.bytes().all(|b| b.is_ascii_digit());
        let count = cell.parse().ok().filter(|_| digits);
        if count.is_none() {
            self.wrong(
                at,
                cell,
                "is not a number here; write a whole number, 0 or more",
            );
        }
        count
    }
}

/// A number as spreadsheets show long ones: `4,91511E+12`. Its last digits are gone.
fn is_rounded(cell: &str) -> bool {
    let Some((digits, power)) = cell.split_once(['E', 'e']) else {
        return false;
    };
    let is_number = |text: &str, between: &[char]| {
        let mut all = text.chars();
        text.contains(|c: char| c.is_ascii_digit())
            && all.all(|c| c.is_ascii_digit() || between.contains(&c))
    };
    is_number(digits, &['.', ',']) && is_number(power, &['+'])
}

/// The cells of a table as they stand there: for whoever merges two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What separates the cells.
    pub separator: u8,
    /// The names of the columns, as they are written.
    pub header: Vec<String>,
    /// The key of each column.
    pub keys: Vec<Option<&'static str>>,
    /// The rows, as wide as the header, trimmed.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Any octets; else a line for people.
    pub fn read(octets: Vec<u8>, file: &str) -> Result<Self, String> {
        let table = read(octets, file.to_owned());
        let table =
            table.map_err(|((line, column), what)| format!("{file}:{line}:{column}: {what}"))?;
        let mut names = StringRecord::new();
        let _ = reader(&table).read_record(&mut names);
        let mut sheet = Self {
            separator: table.separator,
            header: names.iter().map(|name| name.trim().to_owned()).collect(),
            keys: table.columns.clone(),
            rows: Vec::new(),
        };
        let width = sheet.header.len();
        rows(&Arc::new(table), |_, cells| {
            let mut row: Vec<_> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
            row.resize(width, String::new());
            sheet.rows.push(row);
            true
        });
        Ok(sheet)
    }

    /// As octets that [`Sheet::read`] reads again.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.separator)
            .from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            // A Vec takes everything, and the rows are equally wide.
            let _ = writer.write_record(row);
        }
        writer.into_inner().unwrap_or_default()
    }

    /// Where the column of a key is.
    pub fn column(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|known| *known == Some(key))
    }
}

//! Phonebooks as tables (RFC 4180, and what spreadsheets make of it). Pure.
//!
//! Columns: `name`, `display name`, `number`, `owner`, `notes`, `members`; see [`KNOWN`] for what else
//! they may be called. What begins like a formula is written with `'` in front, so that a spreadsheet
//! does not compute it, and read without.

use super::columns::{self, Columns, Known};
use super::{Bad, MAX_LIST, MAX_ROWS, Row, Unreadable};

/// The columns, and other words for them.
pub const KNOWN: &[Known] = &[
    (
        "name",
        &[
            "email",
            "mail",
            "address",
            "emailaddress",
            "email1value",
            "alias",
            "user",
            "username",
            "login",
            "emailadresse",
        ],
    ),
    (
        "displayname",
        &[
            "shown",
            "fullname",
            "fn",
            "contact",
            "person",
            "calledname",
            "anzeigename",
        ],
    ),
    (
        "number",
        &[
            "mobile",
            "phone",
            "tel",
            "telephone",
            "cell",
            "cellphone",
            "mobilephone",
            "mobilenumber",
            "phonenumber",
            "phone1value",
            "msisdn",
            "primaryphone",
            "handy",
            "handynummer",
            "mobil",
            "mobilnummer",
            "mobiltelefon",
            "telefon",
            "telefonnummer",
            "rufnummer",
            "nummer",
        ],
    ),
    ("owner", &["ownedby", "changedby"]),
    (
        "notes",
        &[
            "note", "comment", "comments", "remark", "remarks", "notiz", "notizen",
        ],
    ),
    ("members", &["member", "group", "numbers", "mitglieder"]),
    ("firstname", &["givenname", "first", "vorname"]),
    ("lastname", &["surname", "familyname", "last", "nachname"]),
];

/// Reads a table whose first line says which column is which.
pub fn read(text: &str) -> Result<Vec<Result<Row, Bad>>, Unreadable> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(columns::separator(text))
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(Unreadable::Header(error.to_string())),
        None => return Err(Unreadable::Empty),
    };
    let columns = Columns::read(header.iter(), KNOWN).map_err(Unreadable::Header)?;
    let is_named = ["name", "displayname", "firstname", "lastname"];
    let is_named = is_named.iter().any(|key| columns.index(key).is_some());
    let is_called = ["number", "members"];
    let is_called = is_called.iter().any(|key| columns.index(key).is_some());
    if !is_named || !is_called {
        let text = "must name the columns: name,display name,number,owner,notes,members; \
                    a name and a number at least";
        return Err(Unreadable::Header(text.into()));
    }
    let mut rows = Vec::new();
    for record in records {
        if rows.len() >= MAX_ROWS {
            return Err(Unreadable::TooMany);
        }
        rows.push(match record {
            Ok(record) => {
                let line = record.position().map_or(0, |at| line_of(text, at));
                match record.iter().all(str::is_empty) {
                    true => continue,
                    false => row(line, &record, &columns),
                }
            }
            Err(error) => Err(Bad {
                line: error.position().map_or(0, |at| line_of(text, at)),
                why: "cannot be read".into(),
            }),
        });
    }
    Ok(rows)
}

/// The line where a record begins: the reader counts from the end of the one before, empty lines are between.
fn line_of(text: &str, at: &::csv::Position) -> u64 {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let empty = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
    at.line() + empty.filter(|b| **b == b'\n').count() as u64
}

fn row(line: u64, record: &::csv::StringRecord, columns: &Columns) -> Result<Row, Bad> {
    let cell = |key: &str| columns.index(key).and_then(|at| record.get(at));
    let text = |key: &str| plain(cell(key).unwrap_or_default()).to_owned();
    let some = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    let whole = || {
        let names = [text("firstname"), text("lastname")];
        let whole = names.join(" ").trim().to_owned();
        Some(whole).filter(|name| !name.is_empty())
    };
    let members = text("members");
    if members.len() > MAX_LIST {
        let why = format!("has a list of more than {MAX_LIST} octets");
        return Err(Bad { line, why });
    }
    let members = members.split([';', ',', '\n']).map(str::trim);
    Ok(Row {
        line,
        name: text("name"),
        shown: some("displayname").or_else(whole),
        number: text("number"),
        owner: some("owner"),
        notes: some("notes"),
        members: members
            .filter(|m| !m.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

/// What a cell says, without the mark that keeps a spreadsheet from computing it.
fn plain(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}

/// OWASP's list. A number with `+` is left alone: it computes to itself, and people want to see it so.
fn is_formula(text: &str) -> bool {
    let number = |rest: &str| rest.bytes().all(|b| b.is_ascii_digit());
    match text.strip_prefix('+') {
        Some(rest) => !number(rest),
        // The mark itself, so that it is not lost when it is meant.
        None => text.starts_with(['=', '-', '@', '\t', '\r', '\'']),
    }
}

/// Writes a table that [`read`] reads again.
pub fn write(rows: &[Row]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let header = [
        "name",
        "display name",
        "number",
        "owner",
        "notes",
        "members",
    ];
    // A Vec takes everything.
    let _ = writer.write_record(header);
    for row in rows {
        let members = row.members.join("; ");
        let cells = [
            row.name.as_str(),
            row.shown.as_deref().unwrap_or_default(),
            &row.number,
            row.owner.as_deref().unwrap_or_default(),
            row.notes.as_deref().unwrap_or_default(),
            &members,
        ];
        let _ = writer.write_record(cells.map(|cell| match is_formula(cell) {
            true => format!("'{cell}"),
            false => cell.to_owned(),
        }));
    }
    let octets = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Result<[&str; 4], (u64, &str)>]) {
        let shown = |row: Result<Row, Bad>| match row {
            Ok(row) => Ok(format!(
                "{}|{}|{}|{}",
                row.name,
                row.shown.unwrap_or_default(),
                row.number,
                row.members.join(" ")
            )),
            Err(bad) => Err((bad.line, bad.why)),
        };
        let read: Vec<_> = super::super::read(text.as_bytes())
            .expect("a table")
            .into_iter()
            .map(shown)
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|row| match row {
                Ok(cells) => Ok(cells.join("|")),
                Err((line, why)) => Err((*line, why.to_string())),
            })
            .collect();
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn tables_of_many_programs() {
        check(
            "Name,Number\nplumber,+15551234567\n",
            &[Ok(["plumber", "", "+15551234567", ""])],
        );
        check(
            "First Name;Last Name;Mobile Phone;E-mail\r\nAnn;Smith;\"+1 (555) 765-4321\";\r\n",
            &[Ok(["ann.smith", "Ann Smith", "+1 (555) 765-4321", ""])],
        );
        check(
            "name\tnumber\tmembers\noncall\t\t+15551230000; ann, bob\n",
            &[Ok(["oncall", "", "", "+15551230000 ann bob"])],
        );
        check(
            "name,number\n\nann,\n,+15551234567\nbob,'+1555-123\n",
            &[
                Err((3, "ann has no number")),
                Err((4, "has no name that can be an address; add one")),
                Ok(["bob", "", "+1555-123", ""]),
            ],
        );
        check(
            "name,number\n\"ann\nsmith\",1\nbob,2\n",
            &[Ok(["ann smith", "", "1", ""]), Ok(["bob", "", "2", ""])],
        );
    }

    #[test]
    fn a_header_must_be_there() {
        for text in ["ann,+15551234567", "name\nann", "number\n1", "name,name\n"] {
            let read = super::super::read(text.as_bytes());
            assert!(
                matches!(read, Err(Unreadable::Header(_))),
                "{text}: {read:?}"
            );
        }
    }

    fn row() -> impl Strategy<Value = Row> {
        let word = "[=+@a-z'\",;é]{0,6}[a-z]";
        let more = proptest::option::of(word);
        (
            word,
            more.clone(),
            "\\+[0-9]{5,12}",
            more.clone(),
            more,
            proptest::collection::vec("[a-z+]{1,8}", 0..3),
        )
            .prop_map(|(name, shown, number, owner, notes, members)| Row {
                line: 0,
                name,
                shown,
                number,
                owner,
                notes,
                members,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec(row(), 1..5)) {
            let read = super::super::read(write(&rows).as_bytes()).expect("a table");
            let read: Vec<_> = read.into_iter().map(|r| Row { line: 0, ..r.expect("a row") }).collect();
            prop_assert_eq!(read, rows);
        }
    }
}

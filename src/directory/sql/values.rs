//! Values of columns as texts. Texts, whole numbers, booleans, dates and PostgreSQL's arrays of text are read;
//! another type must be cast in the query. NULL is nothing.

use jiff::civil::{self, Date};
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, TypeInfo, ValueRef};

use super::Failed;

fn unreadable(column: &str, kind: &str) -> Failed {
    let kind = kind.to_lowercase();
    Failed::Column(format!(
        "column {column} is {kind}; cast it to text in the query"
    ))
}

/// One value in a list, if it is there.
fn listed(value: Option<impl ToString>) -> Vec<String> {
    value.iter().map(ToString::to_string).collect()
}

/// The value of a column as text; nothing for NULL.
pub(super) fn of_postgres(row: &PgRow, index: usize, column: &str) -> Result<Vec<String>, Failed> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.to_ascii_uppercase().as_str() {
        "TEXT" | "VARCHAR" | "CHAR" | "BPCHAR" | "NAME" | "CITEXT" | "UNKNOWN" => {
            let text: Option<String> = row.try_get_unchecked(index)?;
            // char(n) is filled with blanks.
            listed(text.map(|text| text.trim_end().to_owned()))
        }
        "INT2" => listed(row.try_get::<Option<i16>, _>(index)?),
        "INT4" => listed(row.try_get::<Option<i32>, _>(index)?),
        "INT8" => listed(row.try_get::<Option<i64>, _>(index)?),
        "BOOL" => listed(row.try_get::<Option<bool>, _>(index)?),
        "TEXT[]" | "VARCHAR[]" | "CITEXT[]" => {
            let texts: Vec<Option<String>> = row.try_get_unchecked(index)?;
            texts.into_iter().flatten().collect()
        }
        // Binary: days or microseconds since 2000-01-01, each end of time as infinity.
        "DATE" | "TIMESTAMP" | "TIMESTAMPTZ" => {
            let octets = value.as_bytes().map_err(sqlx::Error::Decode)?;
            let days = match (<[u8; 4]>::try_from(octets), <[u8; 8]>::try_from(octets)) {
                (Ok(octets), _) => Some(i64::from(i32::from_be_bytes(octets))),
                (_, Ok(octets)) => Some(i64::from_be_bytes(octets).div_euclid(86_400_000_000)),
                _ => None,
            };
            let date = days.and_then(since_2000);
            vec![date.ok_or_else(|| unreadable(column, &kind))?.to_string()]
        }
        _ => return Err(unreadable(column, &kind)),
    })
}

fn since_2000(days: i64) -> Option<Date> {
    // A date that never comes: an account without an end is one whose column is NULL.
    let span = jiff::Span::new().try_days(days).ok()?;
    civil::date(2000, 1, 1).checked_add(span).ok()
}

pub(super) fn of_mysql(row: &MySqlRow, index: usize, column: &str) -> Result<Vec<String>, Failed> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    let kind = value.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" => {
            listed(row.try_get_unchecked::<Option<i64>, _>(index)?)
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "INT UNSIGNED" | "MEDIUMINT UNSIGNED"
        | "BIGINT UNSIGNED" | "YEAR" => listed(row.try_get_unchecked::<Option<u64>, _>(index)?),
        // Binary: a length, the year in two octets, month and day.
        "DATE" | "DATETIME" | "TIMESTAMP" => {
            let octets: Vec<u8> = row.try_get_unchecked(index)?;
            let date = match octets[..] {
                [_, low, high, month, day, ..] => {
                    let year = i16::try_from(u16::from_le_bytes([low, high])).ok();
                    let part = |octet| i8::try_from(octet).ok();
                    let (month, day) = (part(month), part(day));
                    year.zip(month)
                        .zip(day)
                        .and_then(|((y, m), d)| Date::new(y, m, d).ok())
                }
                _ => None,
            };
            vec![date.ok_or_else(|| unreadable(column, &kind))?.to_string()]
        }
        // A text with a binary collation says that it is octets.
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "SET"
        | "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => {
            let octets: Vec<u8> = row.try_get_unchecked(index)?;
            vec![String::from_utf8_lossy(&octets).into_owned()]
        }
        _ => return Err(unreadable(column, &kind)),
    })
}

/// SQLite says every value as text.
pub(super) fn of_sqlite(
    row: &SqliteRow,
    index: usize,
    column: &str,
) -> Result<Vec<String>, Failed> {
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(Vec::new());
    }
    if value.type_info().name() == "BLOB" {
        return Err(unreadable(column, "blob"));
    }
    Ok(listed(row.try_get_unchecked::<Option<String>, _>(index)?))
}

//! From a text to a [`Template`]: where variables stand, and what may stand there.
//!
//! At a `%`: a known name that ends at `%` or `;` begins a variable; else two hexadecimal digits are
//! URL encoding and stay; else, but in a URL or a form, `%%` is one `%`; else it is an error.

use super::{
    Charset, Coding, Escape, Field, Format, Kind, MAX_TEMPLATE, Piece, Position, Template,
    TemplateError, Variable,
};

/// The attributes, for the error that lists them.
const ATTRIBUTES: [&str; 13] = [
    "hex",
    "b64",
    "octets",
    "len",
    "unicode",
    "charset=",
    "isascii",
    "isunicode",
    "isbinary",
    "value=",
    "interprefix=",
    "json",
    "xml",
];

impl Template {
    /// Reads a template.
    pub fn parse(text: &str, position: Position) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEMPLATE {
            let instead = format!("write at most {MAX_TEMPLATE} octets");
            return Err(error(MAX_TEMPLATE, "the template is too long", instead));
        }
        let mut parser = Parser {
            text,
            position,
            scanner: Scanner::new(text, position)?,
            pieces: Vec::new(),
            literal: String::new(),
            templated_path: false,
        };
        parser.run()?;
        Ok(Self {
            position,
            pieces: parser.pieces,
            templated_path: parser.templated_path,
        })
    }
}

fn error(offset: usize, what: impl Into<String>, instead: impl Into<String>) -> TemplateError {
    TemplateError {
        offset,
        what: what.into(),
        instead: instead.into(),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: Position,
    scanner: Scanner,
    pieces: Vec<Piece>,
    literal: String,
    templated_path: bool,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), TemplateError> {
        let mut at = 0;
        while let Some(c) = self.text[at..].chars().next() {
            at = match c {
                '%' => self.percent(at)?,
                c => self.character(at, c)?,
            };
        }
        self.end_literal();
        Ok(())
    }

    fn character(&mut self, at: usize, c: char) -> Result<usize, TemplateError> {
        self.scanner.see(at, c)?;
        self.literal.push(c);
        Ok(at + c.len_utf8())
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.pieces.push(Piece::Literal(literal));
        }
    }

    /// Reads what a `%` begins; returns where it ends.
    fn percent(&mut self, at: usize) -> Result<usize, TemplateError> {
        let rest = &self.text[at + 1..];
        let end = rest.find(['%', ';']);
        let known = end.and_then(|end| Some((end, named(&rest[..end])?)));
        let encoded = matches!(self.position, Position::Url | Position::Form);
        match known {
            Some((end, variable)) => self.variable(at, at + 1 + end, variable),
            // %da and %dc are URL encoding too, of what is no text.
            None if let Some(variable) = unclosed(rest) => {
                let what = format!("%{} is not closed", variable.name());
                Err(error(at, what, "end the variable with %"))
            }
            None if rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()) => {
                self.character(at, '%')
            }
            None if !encoded && rest.starts_with('%') => {
                self.character(at, '%')?;
                Ok(at + 2)
            }
            None => Err(self.no_variable(at, rest, encoded)),
        }
    }

    fn no_variable(&self, at: usize, rest: &str, encoded: bool) -> TemplateError {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name: String = rest.chars().take_while(|&c| is_name(c)).take(40).collect();
        let literal = if encoded { "%25" } else { "%%" };
        if name.is_empty() {
            let instead = format!("write {literal} for a percent sign");
            return error(at, "this % begins no variable", instead);
        }
        let near = Variable::ALL
            .iter()
            .map(|v| (strsim::damerau_levenshtein(v.name(), &name), v.name()))
            .min()
            .filter(|&(distance, _)| distance <= 2);
        let instead = match near {
            Some((_, near)) => format!("did you mean %{near}%?"),
            None => {
                let names: Vec<&str> = Variable::ALL.iter().map(|v| v.name()).collect();
                format!(
                    "known are {}; write {literal} for a percent sign",
                    names.join(", ")
                )
            }
        };
        error(at, format!("%{name} is no variable"), instead)
    }

    /// Reads the attributes of a variable whose name ends at `at`.
    fn variable(
        &mut self,
        start: usize,
        mut at: usize,
        variable: Variable,
    ) -> Result<usize, TemplateError> {
        let mut field = Field {
            variable,
            conditions: Vec::new(),
            interprefix: None,
            charset: None,
            len: false,
            coding: None,
            format: None,
            suffix: String::new(),
            escape: self.scanner.escape(start, variable)?,
        };
        let mut hex_by_unicode = false;
        while self.text[at..].starts_with(';') {
            at += 1;
            let Some(length) = self.text[at..].find(['%', ';']) else {
                break;
            };
            let attribute = &self.text[at..at + length];
            hex_by_unicode |= self.attribute(at, attribute, &mut field)?;
            at += length;
        }
        if !self.text[at..].starts_with('%') {
            let what = format!("%{}; is not closed", variable.name());
            return Err(error(start, what, "end the variable with %"));
        }
        if hex_by_unicode {
            field.coding = field.coding.or(Some(Coding::Hex));
        }
        let octets = field.charset.is_some_and(|charset| !charset.is_utf8());
        let only_text = field.format.is_some()
            || matches!(
                field.escape,
                Escape::JsonString | Escape::JsonValue | Escape::Xml
            );
        let plain = matches!(field.coding, None | Some(Coding::Octets));
        if (octets || field.coding == Some(Coding::Octets)) && only_text && plain {
            let what = "octets cannot stand in JSON or XML";
            return Err(error(start, what, "add ;hex or ;b64"));
        }
        self.templated_path |= self.scanner.in_path();
        self.end_literal();
        self.pieces.push(Piece::Field(field));
        Ok(at + 1)
    }

    /// Adds one attribute; says whether it asks for hexadecimal unless another coding follows.
    fn attribute(
        &self,
        at: usize,
        attribute: &str,
        field: &mut Field,
    ) -> Result<bool, TemplateError> {
        let (name, argument) = match attribute.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (attribute, None),
        };
        match (name, argument) {
            ("hex", None) => self.code(at, field, Coding::Hex)?,
            ("b64", None) => self.code(at, field, Coding::Base64)?,
            ("octets", None) => self.code(at, field, Coding::Octets)?,
            ("len", None) => field.len = true,
            ("unicode", None) => {
                self.convert(at, field, Charset::Utf16Be)?;
                return Ok(true);
            }
            ("charset", Some(name)) => {
                let charset = Charset::named(name).ok_or_else(|| {
                    error(
                        at,
                        format!("{name} is no charset"),
                        "write a name like ISO-8859-1",
                    )
                })?;
                self.convert(at, field, charset)?;
            }
            ("isascii", None) => field.conditions.push(Kind::Ascii),
            ("isunicode", None) => field.conditions.push(Kind::Unicode),
            ("isbinary", None) => field.conditions.push(Kind::Binary),
            ("value", Some(text)) => {
                self.scanner.check_suffix(at, text)?;
                field.suffix.push_str(text);
            }
            ("interprefix", Some(prefix)) if field.variable.is_number() => {
                field.interprefix = Some(prefix.to_owned());
            }
            ("interprefix", _) => {
                let what = format!("interprefix does not apply to {}", field.variable.name());
                return Err(error(at, what, "use it as %number;interprefix=00%"));
            }
            // That is what stands there anyway.
            ("json", None) if field.escape == Escape::JsonValue => {}
            ("xml", None) if field.escape == Escape::Xml => {}
            ("json", None) if field.escape == Escape::JsonString => {
                let instead = "leave out json, or the quotes around the variable";
                return Err(error(at, "json within a JSON string", instead));
            }
            ("json", None) => self.format(at, field, Format::Json)?,
            ("xml", None) => self.format(at, field, Format::Xml)?,
            _ => {
                let shown: String = attribute.chars().take(40).collect();
                let instead = format!("known are {}", ATTRIBUTES.join(", "));
                return Err(error(at, format!("{shown:?} is no attribute"), instead));
            }
        }
        Ok(false)
    }

    fn code(&self, at: usize, field: &mut Field, coding: Coding) -> Result<(), TemplateError> {
        match field.coding.replace(coding) {
            None => Ok(()),
            Some(_) => Err(error(
                at,
                "the value is coded twice",
                "write one of hex, b64 and octets",
            )),
        }
    }

    fn format(&self, at: usize, field: &mut Field, format: Format) -> Result<(), TemplateError> {
        match field.format.replace(format) {
            None => Ok(()),
            Some(_) => Err(error(
                at,
                "the value is written in two formats",
                "write one of json and xml",
            )),
        }
    }

    fn convert(&self, at: usize, field: &mut Field, charset: Charset) -> Result<(), TemplateError> {
        if !field.variable.is_text() {
            let what = format!("{} is not text and has no charset", field.variable.name());
            return Err(error(at, what, "leave unicode and charset out"));
        }
        match field.charset.replace(charset) {
            None => Ok(()),
            Some(_) => Err(error(
                at,
                "the value is converted twice",
                "write one of unicode and charset",
            )),
        }
    }
}

fn named(name: &str) -> Option<Variable> {
    Variable::ALL.into_iter().find(|v| v.name() == name)
}

/// The variable whose whole name the text begins with.
fn unclosed(text: &str) -> Option<Variable> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = text.split(|c| !is_name(c)).next()?;
    named(name)
}

/// Follows the literal text as far as it says what stands where.
#[derive(Clone)]
enum Scanner {
    Url {
        /// Where scheme, host and port end.
        authority_end: usize,
        query: bool,
    },
    Header,
    Form,
    Json {
        string: bool,
        escaped: bool,
    },
    Xml(Xml),
    Raw,
}

/// Where in XML, and what of a mark that changes it was seen.
#[derive(Clone)]
struct Xml {
    place: Place,
    /// Behind an `&` that no `;` has ended.
    reference: bool,
    /// The characters since the last `<`, or the last three.
    seen: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Tag,
    Attribute(char),
    Comment,
    Cdata,
}

impl Scanner {
    fn new(text: &str, position: Position) -> Result<Self, TemplateError> {
        Ok(match position {
            Position::Url => Scanner::Url {
                authority_end: authority_end(text)?,
                query: false,
            },
            Position::Header => Scanner::Header,
            Position::Form => Scanner::Form,
            Position::Json => Scanner::Json {
                string: false,
                escaped: false,
            },
            Position::Xml => Scanner::Xml(Xml {
                place: Place::Text,
                reference: false,
                seen: String::new(),
            }),
            Position::Raw => Scanner::Raw,
        })
    }

    /// Takes note of a literal character, or refuses it.
    fn see(&mut self, at: usize, c: char) -> Result<(), TemplateError> {
        match self {
            // A URL parser decodes it, and the host is not the one that is read here.
            Scanner::Url { authority_end, .. } if c == '%' && at < *authority_end => {
                let instead = "write the host's name or address as it is";
                return Err(error(at, "a % in the host", instead));
            }
            Scanner::Url { query, .. } => {
                url_character(at, c)?;
                *query |= c == '?';
            }
            Scanner::Header => header_character(at, c)?,
            Scanner::Json { string, escaped } => match c {
                _ if *escaped => *escaped = false,
                '\\' if *string => *escaped = true,
                '"' => *string = !*string,
                _ => {}
            },
            Scanner::Xml(xml) => xml.see(c),
            Scanner::Form | Scanner::Raw => {}
        }
        Ok(())
    }

    /// How a variable is written here, or why none can stand here.
    fn escape(&self, at: usize, variable: Variable) -> Result<Escape, TemplateError> {
        match self {
            Scanner::Url { authority_end, .. } if at < *authority_end => Err(error(
                at,
                format!("%{}% stands in the scheme, host or port", variable.name()),
                "write them out; variables are for the path and the query",
            )),
            Scanner::Url { .. } | Scanner::Form => Ok(Escape::Percent),
            Scanner::Header => Ok(Escape::Header),
            Scanner::Json { escaped: true, .. } => Err(error(
                at,
                "a variable behind a backslash",
                "leave the backslash out; values are escaped as JSON needs it",
            )),
            Scanner::Json { string: true, .. } => Ok(Escape::JsonString),
            Scanner::Json { string: false, .. } => Ok(Escape::JsonValue),
            Scanner::Xml(Xml {
                reference: true, ..
            }) => Err(error(
                at,
                "a variable behind an &",
                "write &amp; for an ampersand; values are escaped as XML needs it",
            )),
            Scanner::Xml(xml) => match xml.place {
                Place::Text | Place::Attribute(_) => Ok(Escape::Xml),
                Place::Tag | Place::Comment | Place::Cdata => Err(error(
                    at,
                    "a variable in a tag, a comment or CDATA",
                    "put it into text or a quoted attribute; values are escaped as XML needs it",
                )),
            },
            Scanner::Raw => Ok(Escape::Raw),
        }
    }

    /// `;value=` stands in the request as it is, so it obeys what literal text obeys. It may not be there,
    /// so what follows it must stand at the same kind of place without it.
    fn check_suffix(&self, at: usize, text: &str) -> Result<(), TemplateError> {
        let mut after = self.clone();
        for c in text.chars() {
            after.see(at, c)?;
        }
        let same = match (self, &after) {
            (
                Scanner::Json { string, .. },
                Scanner::Json {
                    string: ends,
                    escaped,
                },
            ) => string == ends && !escaped,
            (Scanner::Xml(begins), Scanner::Xml(ends)) => {
                begins.place == ends.place && !ends.reference
            }
            _ => true,
        };
        if same {
            return Ok(());
        }
        let what = "value= begins or ends a string, a tag or the like and leaves it so";
        Err(error(at, what, "write the whole of it into one value="))
    }

    fn in_path(&self) -> bool {
        matches!(self, Scanner::Url { query: false, .. })
    }
}

impl Xml {
    fn see(&mut self, c: char) {
        self.seen.push(c);
        // An & in a comment or CDATA is one.
        let refers = matches!(self.place, Place::Text | Place::Attribute(_));
        self.reference = match c {
            '&' => refers,
            ';' | '<' | '"' | '\'' => false,
            _ => self.reference,
        };
        let end = |mark: &str| self.seen.ends_with(mark);
        let next = match self.place {
            Place::Text if c == '<' => Place::Tag,
            Place::Tag if self.seen == "<!--" => Place::Comment,
            Place::Tag if self.seen == "<![CDATA[" => Place::Cdata,
            Place::Tag if c == '>' => Place::Text,
            Place::Tag if c == '"' || c == '\'' => Place::Attribute(c),
            Place::Attribute(quote) if c == quote => Place::Tag,
            Place::Comment if end("-->") => Place::Text,
            Place::Cdata if end("]]>") => Place::Text,
            same => same,
        };
        let entered = next != self.place;
        self.place = next;
        if entered {
            self.seen.clear();
            if next == Place::Tag && c == '<' {
                self.seen.push('<');
            }
        } else if self.seen.len() > 64 {
            // What follows is a mark of at most nine characters.
            self.seen = self
                .seen
                .chars()
                .rev()
                .take(3)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
        }
    }
}

fn header_character(at: usize, c: char) -> Result<(), TemplateError> {
    if matches!(c, ' '..='~' | '\t') {
        return Ok(());
    }
    let what = format!("{c:?} cannot stand in a header");
    Err(error(at, what, "write printable ASCII on one line"))
}

fn url_character(at: usize, c: char) -> Result<(), TemplateError> {
    match c {
        '#' => Err(error(
            at,
            "a # begins a fragment, which is never sent",
            "write %23",
        )),
        // A URL parser turns it into a slash, or drops it, and the host is another one.
        '\\' => Err(error(at, "a backslash in a URL", "write %5C")),
        c if c.is_control() || c == ' ' => Err(error(
            at,
            "a blank or control character in a URL",
            "write it as %20 and the like",
        )),
        _ => Ok(()),
    }
}

/// Where the scheme, host and port of the URL end; refuses what makes a host hard to read.
fn authority_end(text: &str) -> Result<usize, TemplateError> {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let start = match () {
        () if lower.starts_with("https://") => 8,
        () if lower.starts_with("http://") => 7,
        () => {
            return Err(error(
                0,
                "the URL has no scheme",
                "begin it with https:// or http://",
            ));
        }
    };
    let length = text[start..].find(['/', '?', '#']);
    let end = length.map_or(text.len(), |length| start + length);
    let authority = &text[start..end];
    if authority.is_empty() {
        return Err(error(start, "the URL has no host", "write it behind //"));
    }
    if let Some(at) = authority.find('@') {
        return Err(error(
            start + at,
            "a user or password before the host",
            "write them under auth: basic",
        ));
    }
    Ok(end)
}

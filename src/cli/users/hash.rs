//! `sms-milter users hash`: of a password what `password_hash` and `web.admins` want.
//!
//! A terminal is asked twice, and shows nothing of it; else the first line of stdin is the password. It is
//! never an argument, which everybody on the machine could read, and never printed.
//!
//! Argon2id with the parameters that RFC 9106 and OWASP have for a server: 19 MiB, two passes.

use std::io::{BufRead, IsTerminal, Read, Write, stdin};
use std::os::fd::AsFd;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};

use crate::cli::Failure;
use crate::secret::Secret;
use crate::world::World;

/// Longer ones are files named by mistake; each octet is hashed.
const MAX_PASSWORD: usize = 1024;

/// As RFC 9106 §3.1 has it.
const SALT: usize = 16;

/// Does it.
pub(super) fn run(world: &World, out: &mut dyn Write) -> Result<(), Failure> {
    let password = match stdin().is_terminal() {
        true => asked_twice()?,
        false => first_line(&mut stdin().lock())?,
    };
    writeln!(out, "{}", hash(world, &password)?)?;
    Ok(())
}

fn hash(world: &World, password: &Secret) -> Result<String, Failure> {
    let mut salt = [0; SALT];
    world.random.fill(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
    let hash =
        hash.map_err(|error| Failure::data(format!("the password cannot be hashed: {error}")))?;
    Ok(hash.to_string())
}

fn checked(password: String) -> Result<Secret, Failure> {
    let password = Secret::from(password);
    match password.expose().len() {
        0 => Err(Failure::data("the password is empty; write one")),
        length if length > MAX_PASSWORD => {
            let text =
                format!("the password has more than {MAX_PASSWORD} octets; write a shorter one");
            Err(Failure::data(text))
        }
        _ => Ok(password),
    }
}

fn first_line(input: &mut dyn BufRead) -> Result<Secret, Failure> {
    let mut line = Vec::new();
    let mut input = input.take(MAX_PASSWORD as u64 + 2);
    input.read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let line = String::from_utf8(line);
    checked(line.map_err(|_| Failure::data("the password is not UTF-8; write it so"))?)
}

fn asked_twice() -> Result<Secret, Failure> {
    let first = checked(asked("Password: ")?)?;
    let second = Secret::from(asked("Again: ")?);
    match first == second {
        true => Ok(first),
        false => Err(Failure::data(
            "these are two passwords; nothing was made of them",
        )),
    }
}

/// A terminal that shows nothing of what is typed, and gives keys at once: so that Ctrl-C reaches us, and the
/// terminal is never left silent. Dropped, it is as it was.
struct Silent {
    before: Termios,
}

impl Silent {
    fn new() -> nix::Result<Self> {
        let input = stdin();
        let before = termios::tcgetattr(input.as_fd())?;
        let mut silent = before.clone();
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        silent.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        silent.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        termios::tcsetattr(input.as_fd(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin().as_fd(), SetArg::TCSAFLUSH, &self.before);
    }
}

fn asked(prompt: &str) -> Result<String, Failure> {
    let mut terminal = std::io::stderr();
    let silent = Silent::new().map_err(std::io::Error::from)?;
    write!(terminal, "{prompt}")?;
    let typed = typed(&mut stdin().lock().bytes());
    drop(silent);
    writeln!(terminal)?;
    typed
}

/// A line of keys.
fn typed(keys: &mut dyn Iterator<Item = std::io::Result<u8>>) -> Result<String, Failure> {
    let interrupted = || Failure {
        code: 130,
        text: String::new(),
    };
    let mut line = Vec::new();
    for key in keys {
        match key? {
            b'\r' | b'\n' => break,
            // ^C, ^\
            0x03 | 0x1C => return Err(interrupted()),
            // ^D
            0x04 if line.is_empty() => return Err(interrupted()),
            0x04 => break,
            // ^H and DEL take a character back, which may have several octets; ^U takes all.
            0x08 | 0x7F => while line.pop().is_some_and(|octet| octet & 0xC0 == 0x80) {},
            0x15 => line.clear(),
            key if line.len() <= MAX_PASSWORD => line.push(key),
            _ => {}
        }
    }
    String::from_utf8(line).map_err(|_| Failure::data("the password is not UTF-8; write it so"))
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHash;
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn reads_what_is_typed() {
        let typed = |keys: &[u8]| {
            let keys = keys.iter().map(|key| Ok(*key)).collect::<Vec<_>>();
            typed(&mut keys.into_iter()).map_err(|failure| failure.code)
        };
        for (keys, expected) in [
            (&b"right\n"[..], Ok("right")),
            (b"rigx\x7Fht\r", Ok("right")),
            ("ri\u{e9}\u{8}ght\n".as_bytes(), Ok("right")),
            (b"wrong\x15right\n", Ok("right")),
            (b"\x7F\x7Fright\x04", Ok("right")),
            (b"right", Ok("right")),
            (b"rig\x03ht\n", Err(130)),
            (b"\x04", Err(130)),
            (b"\xFF\n", Err(65)),
        ] {
            assert_eq!(typed(keys), expected.map(str::to_owned), "{keys:?}");
        }
    }

    #[test]
    fn a_line_of_stdin_is_the_password() {
        let read = |text: &[u8]| {
            let read = first_line(&mut &*text);
            read.map(|p| p.expose().to_owned()).map_err(|f| f.code)
        };
        assert_eq!(read(b"right\r\nmore\n"), Ok("right".to_owned()));
        assert_eq!(read(b" r "), Ok(" r ".to_owned()));
        assert_eq!(read(b""), Err(65));
        assert_eq!(read(b"\xFF"), Err(65));
        assert_eq!(read(&[b'x'; MAX_PASSWORD + 1]), Err(65));
    }

    #[test]
    fn makes_hashes_that_open() {
        let password = Secret::new("right");
        let (one, two) = (
            hash(&World::real(), &password),
            hash(&World::real(), &password),
        );
        let (one, two) = (one.expect("a hash"), two.expect("a hash"));
        assert_ne!(one, two, "each has a salt of its own");
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        let one = PasswordHash::new(&one).expect("PHC");
        let verify = |password: &[u8]| Argon2::default().verify_password(password, &one).is_ok();
        assert!(verify(b"right") && !verify(b"wrong"));
    }
}

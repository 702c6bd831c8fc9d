//! Where a person, or a script, types: an editor with history on a terminal, plain lines otherwise.
//!
//! Lines are read in a thread of their own, one at a time and only when one is wanted, so that nobody
//! waits for a line while the modem speaks, and no line is read that is not used. The history is kept
//! in the user's state directory, for the user alone, at most [`MAX_HISTORY`] lines; what goes into it
//! is said line by line.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use tokio::sync::mpsc;

/// Enough to find last month's command again.
const MAX_HISTORY: usize = 1000;

/// A line of a script; a PDU in hex has some 350 characters.
const MAX_LINE: u64 = 4096;

/// What was typed.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D, or the end of the script.
    End,
    /// It cannot be read.
    Failed(String),
}

/// A wish for a line.
struct Want {
    prompt: String,
    /// Into the history, before that.
    remember: Option<String>,
}

/// Where it is shown.
enum Screen<'a> {
    /// Above the line that is being edited.
    Editor(Box<dyn ExternalPrinter + Send>),
    Plain(&'a mut dyn Write),
}

/// See the file's header.
pub(super) struct Console<'a> {
    wants: std::sync::mpsc::Sender<Want>,
    typed: mpsc::Receiver<Typed>,
    wanted: bool,
    remember: Option<String>,
    screen: Screen<'a>,
    /// Somebody sits there.
    pub(super) interactive: bool,
    _terminal: Option<Restore>,
}

impl<'a> Console<'a> {
    /// Standard input, whatever that is.
    pub(super) fn open(out: &'a mut dyn Write) -> io::Result<Self> {
        if io::stdin().is_terminal() {
            return Self::terminal(out);
        }
        let (wants, wanted) = std::sync::mpsc::channel();
        let (say, typed) = mpsc::channel(1);
        thread::spawn(move || read_lines(io::stdin().lock(), &wanted, &say));
        Ok(Self::new(wants, typed, Screen::Plain(out), None))
    }

    /// A script of these lines.
    pub(super) fn script(lines: &[String], out: &'a mut dyn Write) -> Self {
        let (wants, wanted) = std::sync::mpsc::channel();
        let (say, typed) = mpsc::channel(1);
        let text = lines.join("\n");
        thread::spawn(move || read_lines(text.as_bytes(), &wanted, &say));
        Self::new(wants, typed, Screen::Plain(out), None)
    }

    fn terminal(out: &'a mut dyn Write) -> io::Result<Self> {
        let (wants, wanted) = std::sync::mpsc::channel();
        let (say, typed) = mpsc::channel(1);
        let restore = Restore::take();
        let history = history_file();
        let mut editor = editor(history.as_deref()).map_err(io::Error::other)?;
        let screen = match editor.create_external_printer() {
            Ok(printer) => Screen::Editor(Box::new(printer)),
            Err(_) => Screen::Plain(out),
        };
        thread::spawn(move || edit(editor, history.as_deref(), &wanted, &say));
        let mut console = Self::new(wants, typed, screen, restore);
        console.interactive = true;
        Ok(console)
    }

    fn new(
        wants: std::sync::mpsc::Sender<Want>,
        typed: mpsc::Receiver<Typed>,
        screen: Screen<'a>,
        terminal: Option<Restore>,
    ) -> Self {
        Self {
            wants,
            typed,
            wanted: false,
            remember: None,
            screen,
            interactive: false,
            _terminal: terminal,
        }
    }

    /// The next line. May be dropped and asked again: the line is not lost.
    pub(super) async fn line(&mut self, prompt: &str) -> Typed {
        if !self.wanted {
            let want = Want {
                prompt: prompt.to_owned(),
                remember: self.remember.take(),
            };
            // Without a reader the channel below says so.
            let _ = self.wants.send(want);
            self.wanted = true;
        }
        let typed = self.typed.recv().await.unwrap_or(Typed::End);
        self.wanted = false;
        typed
    }

    /// Puts a line into the history.
    pub(super) fn remember(&mut self, line: &str) {
        self.remember = Some(line.to_owned());
    }

    /// Shows lines.
    pub(super) fn show(&mut self, text: &str) -> io::Result<()> {
        match &mut self.screen {
            Screen::Editor(printer) => printer.print(format!("{text}\n")).map_err(io::Error::other),
            Screen::Plain(out) => {
                writeln!(out, "{text}")?;
                out.flush()
            }
        }
    }
}

/// Puts the terminal back as it was, whatever the editor was doing.
struct Restore(Termios);

impl Restore {
    fn take() -> Option<Self> {
        tcgetattr(io::stdin()).ok().map(Self)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // When that fails the terminal is gone.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

fn read_lines(
    mut input: impl BufRead,
    wanted: &std::sync::mpsc::Receiver<Want>,
    say: &mpsc::Sender<Typed>,
) {
    while wanted.recv().is_ok() {
        let mut line = Vec::new();
        let read = io::Read::take(&mut input, MAX_LINE).read_until(b'\n', &mut line);
        let typed = match read {
            Ok(0) => Typed::End,
            Ok(n) if n as u64 == MAX_LINE => {
                Typed::Failed(format!("a line is longer than {MAX_LINE} octets"))
            }
            Ok(_) => Typed::Line(String::from_utf8_lossy(&line).trim_end().to_owned()),
            Err(error) => Typed::Failed(error.to_string()),
        };
        if say.blocking_send(typed).is_err() {
            return;
        }
    }
}

type Lines = Editor<(), FileHistory>;

fn editor(history: Option<&Path>) -> rustyline::Result<Lines> {
    let config = Config::builder()
        .max_history_size(MAX_HISTORY)?
        .history_ignore_dups(true)?
        .auto_add_history(false)
        // What is pasted is commands, one a line.
        .bracketed_paste(false)
        .build();
    let mut editor = Lines::with_config(config)?;
    if let Some(path) = history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    Ok(editor)
}

fn edit(
    mut editor: Lines,
    history: Option<&Path>,
    wanted: &std::sync::mpsc::Receiver<Want>,
    say: &mpsc::Sender<Typed>,
) {
    while let Ok(want) = wanted.recv() {
        if let Some(line) = want.remember {
            let _ = editor.add_history_entry(line);
            if let Some(path) = history {
                // A history that cannot be kept is no reason to stop.
                let _ = editor.append_history(path);
            }
        }
        let typed = match editor.readline(&want.prompt) {
            Ok(line) => Typed::Line(line),
            Err(ReadlineError::Interrupted) => Typed::Interrupt,
            Err(ReadlineError::Eof) => Typed::End,
            Err(error) => Typed::Failed(error.to_string()),
        };
        if say.blocking_send(typed).is_err() {
            return;
        }
    }
}

/// `$XDG_STATE_HOME/sms-milter/at-history`, its folder made; `None`: there is no home.
fn history_file() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    let state = var("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| var("HOME").map(|home| home.join(".local/state")))?;
    let folder = state.join("sms-milter");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .ok()?;
    Some(folder.join("at-history"))
}

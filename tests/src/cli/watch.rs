//! `cargo lab watch`: checks again whenever a file is saved.

use std::io::{self, BufReader, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use console::{Term, style};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use notify::{PollWatcher, RecursiveMode, Watcher};

use crate::cli::target::{StageNumber, Target};
use crate::cli::{check, hint};
use crate::labs;

/// The time between two checks for changed files, if the system does not report changes.
const POLL: Duration = Duration::from_millis(500);

/// The time between the last change and the check. Editors save a file in several steps, and without this delay, the
/// check could begin before the last step.
const SETTLE: Duration = Duration::from_millis(100);

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// A lab (2), a stage (2.5), or a stage and all later ones (2.5-). Default: all labs
    target: Option<Target>,
    /// Polls the files instead of waiting for the system to report changes
    #[arg(long)]
    poll: bool,
}

/// An event between two checks: a file was saved, or a key was pressed.
enum Event {
    Saved,
    Key(u8),
}

/// Watches until the user quits.
///
/// # Errors
/// Returns an error if the files cannot be watched or nothing can be graded.
pub fn run(kit: &Path, options: Options) -> Result<()> {
    let (sender, events) = mpsc::channel();
    let _watcher = watch(kit, options.poll, sender.clone())?;
    let _keyboard = Keyboard::open()?;
    thread::Builder::new().spawn(move || {
        for key in BufReader::new(io::stdin()).bytes().map_while(Result::ok) {
            if sender.send(Event::Key(key)).is_err() {
                return;
            }
        }
    })?;

    let labs = labs::all();
    let mut target = options.target;
    let mut first = check_again(kit, target, false)?;
    loop {
        match next_event(&events) {
            Event::Saved | Event::Key(b'r') => first = check_again(kit, target, false)?,
            Event::Key(b'a') => first = check_again(kit, target, true)?,
            Event::Key(b'h') => match first {
                Some(stage) => hint::run(kit, stage)?,
                None => println!(" Every stage passes, so there is no hint to show."),
            },
            Event::Key(b'n') => {
                let next = match (first, target) {
                    (Some(stage), _) => stage.next(&labs),
                    (None, Some(Target { lab, .. })) => {
                        Some(StageNumber { lab: lab + 1, stage: 1 })
                    }
                    (None, None) => None,
                };
                match next.filter(|next| next.find(&labs).is_some()) {
                    Some(next) => {
                        target = Some(Target::from(next));
                        first = check_again(kit, target, false)?;
                    }
                    None => println!(" There is no next stage."),
                }
            }
            Event::Key(b'q') => return Ok(()),
            Event::Key(_) => {}
        }
    }
}

/// Returns the next event. Files that are saved together count as one event.
fn next_event(events: &Receiver<Event>) -> Event {
    // While the watcher exists, `recv` does not fail, because the watcher holds a sender.
    let Ok(event) = events.recv() else { return Event::Key(b'q') };
    if matches!(event, Event::Saved) {
        while let Ok(more) = events.recv_timeout(SETTLE) {
            if matches!(more, Event::Key(_)) {
                return more;
            }
        }
    }
    event
}

fn check_again(kit: &Path, target: Option<Target>, all: bool) -> Result<Option<StageNumber>> {
    let terminal = Term::stdout();
    if terminal.is_term() {
        terminal.clear_screen()?;
    }
    let first = check::run(kit, check::Options::for_watching(target, all))?.first;
    let keys = [("h", "hint"), ("n", "next"), ("a", "all"), ("r", "again"), ("q", "quit")];
    let keys: Vec<_> =
        keys.iter().map(|(key, word)| format!("{} {word}", style(key).bold())).collect();
    let what = target.map_or("all labs".to_owned(), |target| target.to_string());
    println!("\n {}   {}", style(format!("watching {what}")).dim(), keys.join("   "));
    Ok(first)
}

/// Reports every change under `labs/` and `common/` until the watcher is dropped.
fn watch(kit: &Path, poll: bool, events: Sender<Event>) -> Result<Box<dyn Watcher>> {
    let report = move |change: notify::Result<notify::Event>| {
        // Access events are ignored, because reading a file does not change it.
        if change.is_ok_and(|change| !change.kind.is_access()) {
            let _ = events.send(Event::Saved);
        }
    };
    let mut watcher: Box<dyn Watcher> = if poll {
        let config = notify::Config::default().with_poll_interval(POLL);
        Box::new(PollWatcher::new(report, config)?)
    } else {
        Box::new(notify::recommended_watcher(report)?)
    };
    for folder in ["labs", "common"] {
        watcher
            .watch(&kit.join(folder), RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {folder}/; try --poll"))?;
    }
    Ok(watcher)
}

/// Makes the terminal deliver each key immediately, without echo. The old settings are restored when this value is
/// dropped or a signal terminates the program.
struct Keyboard(Option<Termios>);

impl Keyboard {
    fn open() -> Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self(None));
        }
        let found = tcgetattr(io::stdin())?;
        let mut keys = found.clone();
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &keys)?;
        let saved = std::sync::Mutex::new(Keyboard(Some(found.clone())));
        ctrlc::set_handler(move || {
            if let Ok(mut saved) = saved.lock() {
                saved.restore();
            }
            std::process::exit(130);
        })?;
        Ok(Self(Some(found)))
    }

    fn restore(&mut self) {
        if let Some(found) = self.0.take() {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &found);
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.restore();
    }
}

//! The mode in which the terminal was found.

#[cfg(unix)]
pub use unix::{quieten, restore, save, unquieten};

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;
    use std::sync::{Mutex, OnceLock};

    use nix::sys::termios::{InputFlags, LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
    use nix::unistd::dup2_stdin;

    static MODE: OnceLock<Mutex<Termios>> = OnceLock::new();

    pub fn save() {
        if let Ok(mode) = tcgetattr(io::stdin()) {
            let _ = MODE.set(mode.into());
        }
    }

    /// For the moments between two lines, in which the editor does not read: what is typed then is not shown twice, and
    /// all of it is there for the next line, Ctrl-D and Ctrl-C too.
    pub fn quieten() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let mut quiet = mode.clone();
        let keys = LocalFlags::ISIG | LocalFlags::IEXTEN;
        quiet.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | keys);
        quiet.input_flags.remove(InputFlags::ICRNL);
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet);
    }

    /// No line is read any more, for now.
    pub fn unquieten() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &mode);
    }

    /// Only for the end of the program: nobody can type any more.
    pub fn restore() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let Ok(terminal) = io::stdin().as_fd().try_clone_to_owned() else { return };
        // Or a thread that is about to begin a line would change the mode again.
        let _ = File::open("/dev/null").map(dup2_stdin);
        // (at once: what is still to be written might never be, if the person has pressed Ctrl-S)
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &mode);
    }
}

/// Windows shells set up their console themselves before each prompt.
#[cfg(not(unix))]
pub fn save() {}

/// As [`save`].
#[cfg(not(unix))]
pub fn quieten() {}

/// As [`save`].
#[cfg(not(unix))]
pub fn unquieten() {}

/// As [`save`].
#[cfg(not(unix))]
pub fn restore() {}

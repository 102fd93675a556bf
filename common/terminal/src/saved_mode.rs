//! Saves the terminal's original mode and restores it.

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

    /// Sets the mode that applies between two lines, while the editor is not reading. Keys that are pressed during this
    /// time are not shown twice. All of these keys, including Ctrl-D and Ctrl-C, are kept for the next line.
    pub fn quieten() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let mut quiet = mode.clone();
        let keys = LocalFlags::ISIG | LocalFlags::IEXTEN;
        quiet.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | keys);
        quiet.input_flags.remove(InputFlags::ICRNL);
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet);
    }

    /// Sets the mode that applies while no lines are being read.
    pub fn unquieten() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &mode);
    }

    /// Restores the mode before the program exits. After this call, the program cannot read any more input.
    pub fn restore() {
        let Some(mode) = MODE.get().and_then(|mode| mode.lock().ok()) else { return };
        let Ok(terminal) = io::stdin().as_fd().try_clone_to_owned() else { return };
        // If the terminal remained the standard input, a thread that is about to read a line would change the mode
        // again.
        let _ = File::open("/dev/null").map(dup2_stdin);
        // Uses TCSANOW, because waiting for pending output could block forever after Ctrl-S.
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &mode);
    }
}

/// Does nothing, because Windows shells set up their console themselves before each prompt.
#[cfg(not(unix))]
pub fn save() {}

/// See [`save`].
#[cfg(not(unix))]
pub fn quieten() {}

/// See [`save`].
#[cfg(not(unix))]
pub fn unquieten() {}

/// See [`save`].
#[cfg(not(unix))]
pub fn restore() {}

//! `cargo lab`: see [`grader::cli`].

use std::process::ExitCode;

use grader::cli::{Options, run};
use grader::system::{confinement, orphans};
use nix::sys::signal::{SigHandler, Signal, signal};

fn main() -> ExitCode {
    // In `cargo lab check | head`, this program must exit quietly, without a panic, when `head` exits.
    // SAFETY: the signal's default action runs none of this program's code. A write to a closed socket or terminal
    // still returns an error.
    #[allow(unsafe_code)]
    unsafe {
        let _ = signal(Signal::SIGPIPE, SigHandler::SigDfl);
    }
    let status = run(Options::from_command_line()).unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        ExitCode::FAILURE
    });
    orphans::no_more();
    confinement::remove_all();
    status
}

//! `cargo lab`: see [`grader::cli`].

use std::process::ExitCode;

use grader::cli::{Options, run};
use grader::system::{confinement, orphans};
use nix::sys::signal::{SigHandler, Signal, signal};

fn main() -> ExitCode {
    // `cargo lab check | head` must end this program quietly, like any other program, and not with a panic.
    // SAFETY: the default action runs none of our code. Sockets and terminals still return an error.
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

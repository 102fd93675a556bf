//! `cargo lab`: see [`grader::cli`].

use std::process::ExitCode;

use grader::cli::{Options, run};
use grader::system::{confinement, orphans};
use nix::sys::signal::{SigHandler, Signal, signal};

fn main() -> ExitCode {
    // Who reads only the beginning (`cargo lab check | head`) ends this program as any other, and not with a panic.
    // SAFETY: the default action runs no code of ours; sockets and terminals answer with an error all the same.
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

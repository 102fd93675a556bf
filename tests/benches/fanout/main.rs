//! How many messages a second the finished servers deliver, compared with what this machine can do:
//! `cargo bench --bench fanout`.
//!
//! | file         | idea                                                                |
//! |--------------|---------------------------------------------------------------------|
//! | `comparison` | a server and the relay in turns, and the ratio of the two           |
//! | `relay`      | the limit: a program that does nothing but pass bytes on            |
//! | `server`     | the programs under load: built, started, measured and ended         |
//! | `generator`  | the load: as fast as the slowest can hear                           |
//! | `crowd`      | people who have joined, with nothing on its way to them             |
//! | `ledger`     | what was said and who has yet to hear it; every byte is checked     |
//! | `wire`       | the four wires, as far as a load needs to know them                 |
//! | `self_check` | whether the load notices what it must                               |
//!
//! It needs Linux: epoll, and what `/proc` tells.

#[cfg(target_os = "linux")]
mod comparison;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod generator;
#[cfg(target_os = "linux")]
mod ledger;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod self_check;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    options::run()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("this benchmark needs Linux");
    std::process::exit(1);
}

//! Measures how many messages per second the finished servers deliver, compared with this machine's limit:
//! `cargo bench --bench fanout`.
//!
//! | file         | idea                                                                |
//! |--------------|---------------------------------------------------------------------|
//! | `comparison` | runs the server and the relay in turn and computes the ratio        |
//! | `relay`      | the upper limit: a program that only passes on bytes                |
//! | `server`     | builds, starts, measures, and stops the programs under load         |
//! | `generator`  | the load: it sends as fast as the slowest receiver allows           |
//! | `crowd`      | people who have joined, with no bytes in flight                     |
//! | `ledger`     | the messages and the receivers that wait for them; checks each byte |
//! | `wire`       | the parts of the four wire formats that the load generator needs    |
//! | `processors` | the processors on which the load and the programs run               |
//! | `self_check` | checks that the load generator notices mistakes                     |
//!
//! The benchmark needs Linux, because it uses epoll and `/proc`.

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
mod processors;
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

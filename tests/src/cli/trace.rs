//! `cargo lab trace`: shows every message of real sessions and can simulate network trouble.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Error, Result, anyhow, bail};
use console::Term;

use crate::cli::check::command;
use crate::cli::progress;
use crate::cli::target::lab_number;
use crate::grading::grader::{Author, Grader};
use crate::network::event::{Event, What};
use crate::network::relay::Relay;
use crate::network::trouble::Trouble;
use crate::system::companion::Companion;
use crate::system::program::Runnable;
use crate::system::{orphans, ports};
use crate::trace::ladder::Ladder;
use crate::trace::packets::Packets;
use crate::trace::session::{About, Reader, VERSION, Writer};

/// The maximum time that a server may take to start listening.
const START: Duration = Duration::from_secs(30);

/// The maximum time between two checks of the server's process.
const LOOK: Duration = Duration::from_millis(100);

/// The maximum time for which clients' messages are still shown after the server exits.
const AFTER_THE_SERVER: Duration = Duration::from_secs(1);

/// The time that the command may take to exit after Ctrl-C. Without this limit, the command would never exit if the
/// terminal accepted no more output.
const END: Duration = Duration::from_secs(2);

/// The command line.
#[derive(clap::Args)]
pub struct Options {
    /// The lab
    #[arg(value_parser = lab_number, required_unless_present = "show")]
    lab: Option<u32>,
    /// Starts this server, in any language, instead of yours. `{port}` and `{host}` are replaced
    #[arg(long, value_name = "CMD", value_parser = command)]
    server: Option<String>,
    /// Uses the server at this address instead of starting one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "server")]
    to: Option<String>,
    /// The port that clients connect to. Default: the lab's usual port
    #[arg(long)]
    port: Option<u16>,
    /// The address that clients connect to
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,
    /// Saves the session to this file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Shows a saved session again without starting anything
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "lab", "server", "to", "port", "host", "save", "split", "hold", "glue", "delay", "rate", "end", "only", "seed",
    ])]
    show: Option<PathBuf>,
    /// Writes the session's packets to this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    #[command(flatten)]
    trouble: Trouble,
}

/// Where events are written.
struct Sinks {
    ladder: Ladder,
    save: Option<Writer>,
    packets: Option<Packets>,
    /// The first error that occurred while writing a file. The session continues without the file.
    failed: Option<Error>,
}

impl Sinks {
    fn new(about: &About, save: Option<&Path>, pcap: Option<&Path>) -> Result<Self> {
        let save = save.map(|path| Writer::create(path, about)).transpose()?;
        let packets = pcap.map(|path| {
            let file =
                File::create(path).and_then(|file| Packets::new(BufWriter::new(file), about));
            file.with_context(|| format!("cannot write {}", path.display()))
        });
        let ladder = Ladder::new(about.lab, size());
        Ok(Self { ladder, save, packets: packets.transpose()?, failed: None })
    }

    fn add(&mut self, event: &Event) {
        // An event is saved before it is shown, so that everything that was shown can be replayed.
        let remark = match self.save.as_mut().map(|save| save.add(event)) {
            Some(Ok(remark)) => remark,
            Some(Err(error)) => {
                self.save = None;
                Some(self.fails(Error::new(error).context("cannot save the session")))
            }
            None => None,
        };
        if let Some(Err(error)) = self.packets.as_mut().map(|packets| packets.add(event)) {
            self.packets = None;
            self.fails(Error::new(error).context("cannot write the packets"));
        }
        self.ladder.resize(size());
        print(&self.ladder.draw(event));
        if let Some(remark) = remark {
            let what = What::Note { text: remark.to_owned() };
            print(&self.ladder.draw(&Event { at: event.at, what }));
        }
    }

    /// Keeps the first error, which is reported at the end. Returns a message to show immediately.
    fn fails(&mut self, error: Error) -> &'static str {
        self.failed.get_or_insert(error);
        "a file cannot be written; the session continues without this file"
    }

    fn finish(mut self) -> Result<()> {
        print(&self.ladder.finish());
        if let Some(packets) = &mut self.packets {
            packets.finish().context("cannot write the packets")?;
        }
        self.failed.map_or(Ok(()), Err)
    }
}

/// Returns the terminal's width and height, in characters, or `None` if the output is not a terminal.
fn size() -> Option<(usize, usize)> {
    Term::stdout().size_checked().map(|(rows, columns)| (columns.into(), rows.into()))
}

fn print(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}

/// Shows a saved session or, until Ctrl-C, a live session.
///
/// # Errors
/// Returns an error if the port is in use, if the server does not start or fails, or if a file cannot be read or
/// written.
pub fn run(kit: &Path, options: Options) -> Result<()> {
    match (&options.show, options.lab) {
        (Some(file), _) => show(file, options.pcap.as_deref()),
        (None, Some(lab)) => live(kit, lab, options),
        (None, None) => bail!("name a lab, for example 2"),
    }
}

fn show(file: &Path, pcap: Option<&Path>) -> Result<()> {
    let mut reader = Reader::open(file)?;
    let mut sinks = Sinks::new(&reader.about, None, pcap)?;
    let shown = loop {
        match reader.next_event() {
            Ok(Some(event)) => sinks.add(&event),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    sinks.finish()?;
    shown
}

fn live(kit: &Path, lab: u32, options: Options) -> Result<()> {
    let Options { server, to, port, host, save, pcap, mut trouble, .. } = options;
    if trouble.is_random() {
        trouble.seed.get_or_insert_with(|| rand::random::<u32>().into());
    }
    let seed = trouble.seed.filter(|_| trouble.is_random());
    let port = port.unwrap_or(usual_port(lab));
    let to = to.map(|to| address(&to)).transpose()?;
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::unused()));
    let relay = Relay::new(lab, (host, port).into(), to.unwrap_or(own), trouble);
    let mut relay = relay.map_err(|error| no_port(error, lab, host, port))?;
    let listens = relay.address()?;
    if to == Some(listens) {
        bail!("{listens} is the address for clients; --to must name the address of a server");
    }
    let stop = stop()?;
    let started = if to.is_none() { Some(start(kit, lab, server, own.port())?) } else { None };
    let (companion, lines) = started.unzip();
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let began = u64::try_from(began.as_micros()).unwrap_or(0).saturating_sub(relay.now());
    let about = About { version: VERSION, lab, began, port: listens.port() };
    let mut sinks = Sinks::new(&about, save.as_deref(), pcap.as_deref())?;

    let other = if listens.port() == usual_port(lab) {
        String::new()
    } else {
        format!(" -- {}", listens.port())
    };
    eprintln!(
        " Clients connect to {listens}. In other terminals:  cargo lab run {lab} client{other}"
    );
    eprintln!(
        " ╎ separates two pieces of a message; + marks a message in the same piece as the message above."
    );
    if let Some(seed) = seed {
        eprintln!(" The sizes and times are random; --seed {seed} repeats them.");
    }
    eprintln!(" To stop, press Ctrl-C.");
    for line in lines.into_iter().flatten() {
        sinks.add(&Event { at: relay.now(), what: What::Printed { line } });
    }
    let ended = turns(&mut relay, companion, &stop, &mut sinks);
    // Dropping the relay closes the connections before the last lines are printed.
    drop(relay);
    sinks.finish()?;
    if let Some(file) = save {
        eprintln!(" To show this session again:  cargo lab trace --show {}", file.display());
    }
    match ended? {
        Some(status) if !status.success() => bail!("the server has exited: {status}"),
        _ => Ok(()),
    }
}

/// Relays messages until Ctrl-C is pressed or the server that this command started has exited. Returns the server's
/// exit status if it has exited.
fn turns(
    relay: &mut Relay,
    mut server: Option<Companion>,
    stop: &io::PipeReader,
    sinks: &mut Sinks,
) -> Result<Option<ExitStatus>> {
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        let mut others = vec![stop.as_fd()];
        others.extend(server.as_ref().and_then(Companion::output));
        let now = Instant::now();
        let mut until = now + LOOK;
        if let Some(due) = sinks.ladder.due() {
            until = until.min(now + Duration::from_micros(due.saturating_sub(relay.now())));
        }
        relay.turn(&others, until, &mut |event| sinks.add(&event)).context("the relay failed")?;
        print(&sinks.ladder.draw_until(relay.now()));
        if is_readable(stop)? {
            return Ok(None);
        }
        let Some(server) = &mut server else { continue };
        for line in server.lines() {
            sinks.add(&Event { at: relay.now(), what: What::Printed { line } });
        }
        match ended {
            Some((status, since)) => {
                if relay.is_idle() || since.elapsed() > AFTER_THE_SERVER {
                    return Ok(Some(status));
                }
            }
            None => {
                if let Some(status) = server.status()? {
                    let text = format!("the server has exited: {status}");
                    sinks.add(&Event { at: relay.now(), what: What::Note { text } });
                    ended = Some((status, Instant::now()));
                }
            }
        }
    }
}

/// Builds and starts the server and waits until it is listening. Also returns the lines that the server has printed so
/// far.
fn start(
    kit: &Path,
    lab: u32,
    command: Option<String>,
    port: u16,
) -> Result<(Companion, Vec<String>)> {
    let server = if let Some(command) = command {
        Runnable::Command(command)
    } else {
        let grader = Grader::new(kit, &[lab], None);
        progress::build(&grader, Author::Student)?;
        grader.program(Author::Student, lab, "server")
    };
    let launch = server.launch(port, &[]).map_err(|failure| anyhow!("{failure}"))?;
    let mut companion = Companion::start(&launch).context("cannot start the server")?;
    let (begin, mut lines) = (Instant::now(), Vec::new());
    loop {
        lines.extend(companion.lines());
        let why = match companion.status()? {
            Some(status) => format!("the server exited before listening on port {port}: {status}"),
            None if ports::is_listening(port) => return Ok((companion, lines)),
            None if begin.elapsed() > START => {
                format!("the server was told to listen on port {port}, but is not listening")
            }
            None => {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        lines.extend(companion.lines());
        let said = crate::report::text::quoted(&lines.join("\n")).join("\n  ");
        bail!("{why}; it printed:\n  {said}");
    }
}

/// Returns a pipe that becomes readable when Ctrl-C is pressed.
fn stop() -> Result<io::PipeReader> {
    let (reader, mut writer) = io::pipe()?;
    ctrlc::set_handler(move || {
        if writer.write_all(b"x").is_err() {
            return;
        }
        thread::sleep(END);
        orphans::end_all();
        process::exit(130);
    })?;
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    Ok(reader)
}

fn is_readable(mut pipe: &io::PipeReader) -> io::Result<bool> {
    match pipe.read(&mut [0]) {
        Ok(read) => Ok(read > 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn usual_port(lab: u32) -> u16 {
    match lab {
        1 => 9999,
        2 => 55555,
        3 => 9095,
        _ => 8080,
    }
}

fn address(text: &str) -> Result<SocketAddr> {
    let found = text.to_socket_addrs().with_context(|| {
        format!("{text} is not an address; write HOST:PORT, for example 127.0.0.1:4000")
    })?;
    // IPv4 addresses are preferred, because the labs' servers listen on IPv4.
    let found: Vec<_> = found.collect();
    let best = found.iter().find(|address| address.is_ipv4()).or(found.first());
    best.copied().with_context(|| format!("no address was found for {text}"))
}

fn no_port(error: io::Error, lab: u32, host: IpAddr, port: u16) -> Error {
    let what = if error.kind() == io::ErrorKind::AddrInUse {
        let other = port.checked_add(1).unwrap_or(4000);
        format!(
            "another program is using port {port}: stop it, or choose another port with \
             cargo lab trace {lab} --port {other}"
        )
    } else {
        format!("cannot listen on {}", SocketAddr::from((host, port)))
    };
    Error::new(error).context(what)
}

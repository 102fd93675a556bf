//! Builds the servers, measures them, and reports the results. Needs Linux, because the load generator uses epoll.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::bench::plan::{Extent, Plan};
use crate::bench::results::Results;
use crate::bench::rounds;
use crate::bench::server::Contender;
use crate::cli::bench::options::{Options, RelayOptions};
use crate::cli::progress::Progress;
use crate::grading::grader::Author;
use crate::kit::files;
use crate::report::bench::to_text;
use crate::report::plot::plot;
use crate::report::text::columns;
use crate::system::cargo::{BUILD_LIMIT, build_optimized};
use crate::system::orphans;
use crate::system::program::Runnable;

/// The number of open files that a process needs in addition to one per connection.
const OTHER_FILES: u64 = 64;

/// The highest open-file limit that this command sets. A higher limit would slow down programs that close every
/// possible file descriptor.
const MOST_FILES: u64 = 1 << 20;

/// Runs the benchmark. Returns true if every server was measured completely. Servers that are not written yet are
/// ignored.
///
/// # Errors
/// Returns an error if there is nothing to measure, a server does not compile, or the machine allows too few open
/// files.
pub fn run(kit: &Path, options: &Options) -> Result<bool> {
    let extent = Extent {
        parts: options.only.clone(),
        idle: options.idle.into(),
        people: options.people.into(),
    };
    let plan = Plan {
        lab: options.lab,
        rounds: options.rounds.into(),
        time: Duration::from_secs_f64(options.seconds),
        measurements: extent.measurements(),
    };
    prepare(&plan)?;
    // The files are created first, so that a file that cannot be written is reported before the measurements.
    let create = |path: &Path| {
        File::create(path).with_context(|| format!("cannot write {}", path.display()))
    };
    let json = options.json.as_deref().map(create).transpose()?;
    let svg = options.svg.as_deref().map(create).transpose()?;
    let contenders = contenders(kit, options)?;
    let results = measure(&plan, &contenders)?;
    println!("{}", to_text(&results, columns()));
    if let Some(mut file) = json {
        let text = serde_json::to_string_pretty(&results.to_json())?;
        writeln!(file, "{text}").context("cannot write the --json file")?;
    }
    if let Some(mut file) = svg {
        file.write_all(plot(&results).as_bytes()).context("cannot write the --svg file")?;
    }
    Ok(results.faults.iter().all(|fault| fault.is_unwritten))
}

/// Raises the limit on open files as far as the plan requires, and makes Ctrl-C kill every process that was started.
///
/// # Errors
/// Returns an error if the machine allows too few open files.
pub fn prepare(plan: &Plan) -> Result<()> {
    let people = plan.measurements.iter().map(|one| one.people()).max().unwrap_or(0);
    allow_connections(people)?;
    ctrlc::set_handler(|| {
        // From now on, no server is started, and the running servers are killed.
        orphans::no_more();
        orphans::end_all();
        process::exit(130);
    })?;
    Ok(())
}

/// Measures the contenders and shows the progress.
///
/// # Errors
/// Returns an error if the relay fails.
pub fn measure(plan: &Plan, contenders: &[Contender]) -> Result<Results> {
    let progress = Progress::start("starting the relay")?;
    rounds::run(plan, contenders, &|step| progress.step(step))
}

/// Runs the relay until this process is killed.
///
/// # Errors
/// Returns an error if the relay cannot listen.
pub fn relay(options: &RelayOptions) -> Result<()> {
    let RelayOptions { port, message_len, echo } = *options;
    load::relay::run(port, load::relay::Options { message_len, echo })
}

/// Builds the servers. Returns the relay, followed by the servers.
fn contenders(kit: &Path, options: &Options) -> Result<Vec<Contender>> {
    let mut all = vec![Contender::Relay];
    let authors = [(Author::Student, "yours"), (Author::Kit, "finished")];
    for (author, name) in authors {
        let is_students = author == Author::Student;
        if is_students && options.finished || !author.exists(kit) {
            continue;
        }
        let package = author.package(options.lab, "server");
        if files::package(kit, author.folder(), options.lab, "server").is_none() {
            bail!("{} has no package {package}", kit.join(author.folder()).display());
        }
        let _progress = Progress::start(format!("building {package} with optimization"))?;
        let built = build_optimized(kit, std::slice::from_ref(&package), BUILD_LIMIT)
            .map_err(|said| anyhow!("{}", said.trim()))?;
        let program = match built.into_values().next() {
            Some(Ok(program)) => Runnable::Executable(program),
            Some(Err(said)) => bail!("{package} does not compile:\n{}", said.trim()),
            None => bail!("cargo built no program from {package}"),
        };
        all.push(Contender::Server { name: name.to_owned(), program, is_students });
    }
    for command in &options.server {
        let program = Runnable::Command(command.clone());
        let is_known = |one: &Contender| one.name() == command;
        ensure!(!all.iter().any(is_known), "--server '{command}' is given twice");
        all.push(Contender::Server { name: command.clone(), program, is_students: false });
    }
    if all.len() == 1 {
        bail!(
            "there is no server to measure: this kit has no labs/ and no solutions/; use --server"
        );
    }
    Ok(all)
}

/// Raises the limit on open files as far as the system allows, for this process and the programs that it starts.
fn allow_connections(people: usize) -> Result<()> {
    let needed = people as u64 + OTHER_FILES;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(
        needed <= hard,
        "{people} connections need {needed} open files, but the system allows this process only {hard} \
         (`ulimit -Hn`): raise this limit, or use smaller values for --people and --idle"
    );
    let wanted = hard.min(MOST_FILES).max(soft);
    if wanted > soft {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    }
    Ok(())
}

//! The command line of the fuzzer: `cargo run --release -p fuzz -- frames --executions 1000000`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use fuzz::coverage::{Coverage, FLAGS};
use fuzz::engine::{self, Run, Target, needed, saved, shrunk};
use fuzz::finding::Finding;
use fuzz::watch::Watch;
use fuzz::wire::{self, Playing};
use fuzz::{corpus, targets};

/// The maximum number of inputs in a corpus that `--guided` writes.
const MAX_KEPT: usize = 64;

/// The maximum time that a parser or a program gets before the fuzzer goes on to the next one.
const TURN: Duration = Duration::from_secs(5);

/// The maximum time for finding a shorter input that also exposes a mistake.
const SHRINK: Duration = Duration::from_secs(10);

/// Runs parsers on random bytes, and runs random sessions with whole programs
#[derive(Parser)]
struct Options {
    /// What to run: parsers, programs such as server2 and client4, or the groups `parsers`, `servers`, and `clients`;
    /// by default, everything
    names: Vec<String>,
    /// Total number of executions; each run of a parser and each session of a program counts as one
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    executions: u64,
    /// Total time in seconds; by default, 10, or unlimited if the number of executions is given
    #[arg(long)]
    seconds: Option<u64>,
    /// Seed for all random choices; by default, derived from the current time
    #[arg(long)]
    seed: Option<u64>,
    /// Number of the first execution or session, for reproducing a failure
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    from: u64,
    /// Runs the parser only with the bytes in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["executions", "from"])]
    input: Option<PathBuf>,
    /// Prefers inputs that reach new code, and adds them to the corpus; slower, and Linux only
    #[arg(long)]
    guided: bool,
    /// Runs the sessions with this program instead of the finished one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(code)) => code,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns an exit status if it is not 0.
fn run(options: &Options) -> Result<Option<ExitCode>> {
    let mut coverage = Coverage::new();
    if options.guided && coverage.is_none() {
        return Ok(Some(guided()?));
    }
    let (parsers, programs) = named(&options.names)?;
    if let Some(file) = &options.input {
        ensure!(parsers.len() == 1 && programs.is_empty(), "name one parser");
        let input = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let verdict = engine::verdict(parsers[0], &input);
        println!("{}", verdict.as_ref().err().map_or("no mistake", String::as_str));
        return Ok(verdict.is_err().then_some(ExitCode::FAILURE));
    }
    let seed = options.seed.unwrap_or_else(wire::seed);
    println!("seed {seed}");
    let watch = Watch::start();
    let mut all = Vec::new();
    // The programs come first in each round: a program's turn may exceed its share of the time, and the parsers then
    // share what is left.
    let program = options.program.as_deref();
    for (kind, lab) in programs {
        let playing = Playing::new(kind, lab, seed, options.from, program)?;
        all.push(Part { kind: Kind::Program(Box::new(playing)), count: 0, time: Duration::ZERO });
    }
    for target in parsers {
        let kept = corpus::read(&corpus::file(target.name))?;
        let run = Run::new(target, kept, seed, options.from, &watch);
        all.push(Part { kind: Kind::Parser(target, run), count: 0, time: Duration::ZERO });
    }
    let finding = take_turns(&mut all, options, coverage.as_mut())
        .and_then(|()| all.iter_mut().try_for_each(Part::finish));
    for part in &all {
        println!("{}", part.line());
    }
    let total: u64 = all.iter().map(|part| part.count).sum();
    println!("{total} in all");
    if let Err(finding) = finding {
        report(&finding);
        return Ok(Some(ExitCode::FAILURE));
    }
    if options.guided
        && let Some(coverage) = &mut coverage
    {
        all.iter().try_for_each(|part| part.keep(coverage))?;
    }
    Ok(None)
}

/// A parser or a program, the number of its executions or sessions, and the time that they took.
struct Part {
    kind: Kind,
    count: u64,
    time: Duration,
}

enum Kind {
    Parser(&'static Target, Run),
    Program(Box<Playing>),
}

impl Part {
    fn turn(
        &mut self,
        end: Instant,
        executions: u64,
        coverage: Option<&mut Coverage>,
    ) -> Result<(), Finding> {
        let begin = Instant::now();
        let result = match &mut self.kind {
            Kind::Parser(_, run) => run.turn(end, executions, coverage),
            Kind::Program(playing) => playing.turn(end, executions),
        };
        self.time += begin.elapsed();
        self.count += *result.as_ref().unwrap_or(&0);
        result.map(|_| ())
    }

    fn finish(&mut self) -> Result<(), Finding> {
        if let Kind::Program(playing) = &mut self.kind { playing.finish() } else { Ok(()) }
    }

    fn line(&self) -> String {
        let rate = f64::from(u32::try_from(self.count).unwrap_or(u32::MAX))
            / self.time.as_secs_f64().max(0.001);
        let name = match &self.kind {
            Kind::Parser(target, _) => target.name,
            Kind::Program(playing) => playing.name(),
        };
        format!("{name:<10} {:>12}   {rate:>9.0}/s", self.count)
    }

    /// Writes the corpus: inputs that reach all the code that this run has reached, but at most [`MAX_KEPT`] inputs.
    fn keep(&self, coverage: &mut Coverage) -> Result<()> {
        let Kind::Parser(target, run) = &self.kind else { return Ok(()) };
        let file = corpus::file(target.name);
        let mut inputs = needed(target, run.kept.clone(), coverage);
        let (count, edges) = (inputs.len(), coverage.edges());
        inputs.truncate(MAX_KEPT);
        corpus::write(&file, &inputs)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}: {count} inputs reach {edges} edges; kept {}", target.name, inputs.len());
        Ok(())
    }
}

/// Runs the parsers and programs in turn until the time is up or the number of executions is reached.
fn take_turns(
    all: &mut [Part],
    options: &Options,
    mut coverage: Option<&mut Coverage>,
) -> Result<(), Finding> {
    let time = match options.seconds {
        None if options.executions == u64::MAX => Some(10),
        seconds => seconds,
    };
    let begin = Instant::now();
    let end = time.map(|seconds| begin + Duration::from_secs(seconds));
    let mut left = options.executions;
    loop {
        let count = all.len();
        for (at, part) in all.iter_mut().enumerate() {
            if left == 0 || end.is_some_and(|end| end <= Instant::now()) {
                return Ok(());
            }
            let before = part.count;
            // If little time is left, the parsers and programs that have had no turn in this round share it equally.
            let others = u32::try_from(count - at).unwrap_or(1);
            let share = end.map(|end| end.saturating_duration_since(Instant::now()) / others);
            let turn = share.map_or(TURN, |share| share.min(TURN));
            part.turn(Instant::now() + turn, left, coverage.as_deref_mut())?;
            left -= part.count - before;
        }
    }
}

fn report(finding: &Finding) {
    println!("{finding}");
    let Some(target) = targets::ALL.iter().find(|target| target.name == finding.target) else {
        return;
    };
    let input = shrunk(target, &finding.input, SHRINK);
    let shown: String = corpus::escaped(&input).chars().take(2000).collect();
    println!("{} bytes: {shown}", input.len());
    if let Some(path) = saved(target.name, &input) {
        println!("or: cargo run -p fuzz -- {} --input {}", target.name, path.display());
    }
}

/// A server or a client, and the number of its lab.
type Program = (wire::Kind, u32);

fn named(names: &[String]) -> Result<(Vec<&'static Target>, Vec<Program>)> {
    let (mut parsers, mut programs) = (Vec::new(), Vec::new());
    let all = ["parsers", "servers", "clients"].map(str::to_owned);
    for name in if names.is_empty() { &all } else { names } {
        let before = parsers.len() + programs.len();
        parsers
            .extend(targets::ALL.iter().filter(|target| name == "parsers" || name == target.name));
        for kind in [wire::Kind::Server, wire::Kind::Client] {
            let is_named = |lab: &u32| {
                *name == format!("{}s", kind.name()) || *name == format!("{}{lab}", kind.name())
            };
            programs.extend((1..=4).filter(is_named).map(|lab| (kind, lab)));
        }
        if parsers.len() + programs.len() == before {
            let known: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
            bail!(
                "there is no {name}; there are {}, server1 to server4, and client1 to client4",
                known.join(", ")
            );
        }
    }
    Ok((parsers, programs))
}

/// Builds the fuzzer again, with counters in the code, and runs it with the same arguments.
fn guided() -> Result<ExitCode> {
    ensure!(
        env::var_os("RUSTFLAGS").is_none_or(|flags| flags != FLAGS),
        "this compiler adds no counters"
    );
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc did not report its host platform")?;
    let root = grader::kit::root();
    let folder = Path::new("target/guided");
    let status = Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--release",
            "--locked",
            "-p",
            "fuzz",
            "--target",
            host,
            "--target-dir",
        ])
        .arg(folder)
        .arg("--config")
        .arg(format!("build.build-dir={:?}", root.join(folder).display().to_string()))
        .arg("--")
        .args(env::args_os().skip(1))
        .current_dir(&root)
        .env("RUSTFLAGS", FLAGS)
        .status()
        .context("cannot start cargo")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

//! Tests correct programs that look nothing like the solutions. Each program must earn full points. The programs are in
//! `unusual/`, in the same folders as in a student kit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use grader::class::other;
use grader::class::settings::{Programs, Settings};
use grader::grading::grader::{Author, Commands, Grader};
use grader::grading::verdict::Verdict;
use grader::kit::files;
use grader::labs;
use grader::report::failure::Report;
use grader::system::program::Runnable;

use crate::export::{export_built_in, write_bodies};

fn folder(name: &str) -> PathBuf {
    grader::kit::root().join("tests/kit/unusual").join(name)
}

fn get_full_points(kit: &Path, number: u32, commands: Commands) {
    let grader = Grader::new(kit, &[number], Some(1)).with_commands(commands.clone());
    let lab = labs::all().into_iter().find(|lab| lab.number == number).unwrap();
    let mut wrong = Vec::new();
    for stage in &lab.stages {
        grader.grade(Author::Student, number, stage, |graded| {
            if graded.verdict != Verdict::Passed {
                let report = Report::new(&lab, stage, graded, "(the same test again)".into());
                wrong.push(report.to_text(kit));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let server = match (commands.server, commands.client) {
        (Some(server), _) => Runnable::Command(server),
        (None, None) => grader.program(Author::Student, number, "server"),
        (None, Some(_)) => return,
    };
    crate::crowd::accuses_nobody(number, &server, 3);
}

/// Asserts that a submission gets full points in a student kit. Each submission is built in its own folder, so that the
/// submissions do not interfere with each other.
fn submission_gets_full_points(name: &str, lab: u32) {
    let kit = export_built_in(&format!("target/unusual/{name}"));
    let files = files::below(&folder(name)).unwrap();
    assert!(!files.is_empty(), "there is no submission {name}");
    for file in files {
        let text = files::read(&folder(name).join(&file)).unwrap().unwrap();
        files::write(&kit.path().join("labs").join(file), &text).unwrap();
    }
    get_full_points(kit.path(), lab, Commands::default());
}

/// Asserts that a server or a client gets full points in a student kit whose other programs are finished.
fn program_gets_full_points(name: &str, lab: u32) {
    let kit = export_built_in(&format!("target/unusual/{name}"));
    write_bodies(kit.path(), |other, _| other == lab);
    for file in files::below(&folder(name)).unwrap() {
        let text = files::read(&folder(name).join(&file)).unwrap().unwrap();
        files::write(&kit.path().join("labs").join(file), &text).unwrap();
    }
    get_full_points(kit.path(), lab, Commands::default());
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Returns the command that runs a program in `unusual/`.
fn command(interpreter: &str, program: &str) -> String {
    let file = folder(program);
    assert!(file.is_file(), "there is no {}", file.display());
    format!("{interpreter} {} {{port}}", file.display())
}

/// Returns the commands that run a submission in Python, as passed to `cargo lab check --server … --client …`.
fn python(server: &str, client: &str) -> Commands {
    assert!(succeeds("python3", &["--version"]), "this test needs python3");
    let [server, client] = [server, client].map(|program| Some(command("python3", program)));
    Commands { server, client }
}

fn python_gets_full_points(server: &str, client: &str, lab: u32) {
    get_full_points(&grader::kit::root(), lab, python(server, client));
}

#[test]
fn lab_1_with_a_locked_list_and_a_channel_for_each_client() {
    submission_gets_full_points("lab1-lock-and-channels", 1);
}

#[test]
fn lab_1_with_an_event_loop() {
    program_gets_full_points("lab1-event-loop", 1);
}

#[test]
fn lab_1_in_one_function_without_the_kits_library() {
    submission_gets_full_points("lab1-one-function", 1);
}

#[test]
fn lab_1_with_a_line_editor_that_ignores_term() {
    program_gets_full_points("lab1-escape-sequences", 1);
}

#[test]
fn lab_1_with_the_line_editor_of_node() {
    if !succeeds("node", &["--version"]) {
        println!("NOT CHECKED: node is not installed");
        return;
    }
    let kit = export_built_in("target/unusual/lab1-node");
    write_bodies(kit.path(), |lab, _| lab == 1);
    let client = Some(command("node", "lab1-node/client.js"));
    let commands = Commands { server: None, client };
    get_full_points(kit.path(), 1, commands);
}

#[test]
fn lab_2_on_a_full_screen() {
    python_gets_full_points("lab2-python/server.py", "lab2-screens/full_screen.py", 2);
}

#[test]
fn lab_2_in_windows_of_ncurses() {
    python_gets_full_points("lab2-python/server.py", "lab2-screens/windows.py", 2);
}

#[test]
fn lab_2_with_prompt_toolkit() {
    if !succeeds("python3", &["-c", "import prompt_toolkit"]) {
        println!("NOT CHECKED: prompt_toolkit is not installed");
        return;
    }
    python_gets_full_points("lab2-python/server.py", "lab2-screens/toolkit.py", 2);
}

#[test]
fn lab_2_with_other_words_and_colors() {
    submission_gets_full_points("lab2-other-words", 2);
}

#[test]
fn lab_2_with_a_clock_before_each_message() {
    python_gets_full_points("lab2-python/server.py", "lab2-screens/decorated.py", 2);
}

/// Asserts that the grader rejects a client that shows, before each message, text that a reader could mistake for part
/// of the conversation.
fn is_no_decoration(style: &str) {
    let mut commands = python("lab2-python/server.py", "lab2-screens/decorated.py");
    commands.client = commands.client.map(|client| format!("{client} {style}"));
    let grader = Grader::new(&grader::kit::root(), &[2], Some(1)).with_commands(commands);
    let lab = labs::all().into_iter().find(|lab| lab.number == 2).unwrap();
    grader.grade(Author::Student, 2, &lab.stages[2], |graded| {
        assert_eq!(graded.verdict, Verdict::Failed, "{style}");
    });
}

#[test]
fn a_doubled_name_before_a_message_is_no_decoration() {
    is_no_decoration("doubled");
}

#[test]
fn a_clock_with_a_name_is_no_decoration() {
    is_no_decoration("with-a-name");
}

#[test]
fn another_message_in_the_line_is_no_decoration() {
    is_no_decoration("glued");
}

#[test]
fn lab_2_in_python() {
    python_gets_full_points("lab2-python/server.py", "lab2-python/client.py", 2);
}

#[test]
fn lab_3_byte_by_byte() {
    submission_gets_full_points("lab3-byte-by-byte", 3);
}

#[test]
fn lab_3_in_python() {
    python_gets_full_points("lab3-python/server.py", "lab3-python/client.py", 3);
}

/// Builds a submission as an instructor's `grading.toml` describes and asserts that it gets full points. In the
/// commands, `{}` stands for the submission's folder.
fn built_gets_full_points(name: &str, lab: u32, build: &str, server: &str, client: &str) {
    let own = tempfile::tempdir().unwrap();
    for file in files::below(&folder(name)).unwrap() {
        fs::copy(folder(name).join(&file), own.path().join(&file)).unwrap();
    }
    let [server, client] =
        [server, client].map(|command| command.replace("{}", own.path().to_str().unwrap()));
    let settings = format!(
        "[[language]]\nname = \"{name}\"\nfile = \"chat\"\nbuild = [\"{build}\"]\n\
         [language.lab.{lab}]\nserver = \"{server}\"\nclient = \"{client}\"\n"
    );
    let file = own.path().join("grading.toml");
    fs::write(&file, settings).unwrap();
    let language = &Settings::read(&file).unwrap().language[0];
    other::build(language, own.path(), Duration::from_mins(2)).unwrap();
    let Programs { server, client } = language.lab[&lab.to_string()].clone();
    get_full_points(&grader::kit::root(), lab, Commands { server, client });
}

/// This command builds a program with Debian's Go packages, without network access.
pub const GO: &str = "env GO111MODULE=off GOPATH=/usr/share/gocode go build -o chat .";

/// Returns whether Go and its line editor are installed.
pub fn has_go() -> bool {
    succeeds("go", &["version"]) && Path::new("/usr/share/gocode/src/golang.org/x/term").is_dir()
}

#[test]
fn lab_1_in_go() {
    if !has_go() {
        println!("NOT CHECKED: Go or golang.org/x/term is not installed");
        return;
    }
    built_gets_full_points("lab1-go", 1, GO, "{}/chat server {port}", "{}/chat client {port}");
}

#[test]
fn lab_3_in_java() {
    if !succeeds("javac", &["-version"]) || !succeeds("java", &["-version"]) {
        println!("NOT CHECKED: Java is not installed");
        return;
    }
    let build = "javac -nowarn Server.java Client.java";
    let [server, client] = ["java -cp {} Server {port}", "java -cp {} Client {port}"];
    built_gets_full_points("lab3-java", 3, build, server, client);
}

#[test]
fn lab_3_with_colored_bullets_and_names() {
    python_gets_full_points("lab3-python/server.py", "lab3-decorated/client.py", 3);
}

#[test]
fn lab_4_with_tokio() {
    submission_gets_full_points("lab4-tokio", 4);
}

#[test]
fn lab_4_in_a_single_thread() {
    submission_gets_full_points("lab4-single-thread", 4);
}

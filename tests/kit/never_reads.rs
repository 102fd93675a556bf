//! Tests clients that never read from their sockets. These clients show only what a program can know in advance, so
//! they must not pass any stage in which a client must show received text.

use std::fs;

use grader::grading::run::run_stage;
use grader::harness::stage::Role;
use grader::labs;
use grader::system::cargo::{BUILD_LIMIT, build};
use grader::system::program::Runnable;

use crate::export::{students_kit, write_bodies};

/// For each lab: the client's file, the code that reads, and the code that only pretends to read. After a second, these
/// clients claim that the connection was closed.
const CLIENTS: [(u32, &str, &str, &str); 2] = [
    (
        1,
        "lab1-one-to-one/client/src/main.rs",
        "    wait_for_welcome(&stream, &screen);\n    screen.end(show_messages(&stream, &screen))",
        "    screen.print(WELCOME);
    thread::sleep(std::time::Duration::from_secs(1));
    screen.end(Ok(()))",
    ),
    (
        2,
        "lab2-nick-group/client/src/main.rs",
        "    screen.end(chat(&stream, &nickname, &screen, &joined))",
        "    std::io::Write::write_all(&mut &*stream, nickname.as_bytes())?;
    screen.print(&format!(\"{nickname} joined!\"));
    screen.print(\"Connected to server!\");
    let _ = joined.set(());
    thread::sleep(std::time::Duration::from_secs(1));
    screen.end(Ok(()))",
    ),
];

#[test]
fn a_client_that_never_reads_passes_no_stage() {
    let kit = students_kit();
    write_bodies(kit.path(), |_, _| true);
    for (_, file, find, replace) in CLIENTS {
        let file = kit.path().join("labs").join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(find).count(), 1, "{}", file.display());
        fs::write(&file, text.replace(find, replace)).unwrap();
    }
    let packages =
        CLIENTS.map(|(lab, ..)| [format!("lab{lab}-server"), format!("lab{lab}-client")]);
    let built = build(kit.path(), packages.as_flattened(), BUILD_LIMIT).unwrap();
    for (number, [server, client]) in CLIENTS.map(|(lab, ..)| lab).into_iter().zip(&packages) {
        let program = |name: &String| Runnable::Executable(built[name].clone().unwrap());
        let lab = labs::all().into_iter().find(|lab| lab.number == number).unwrap();
        let stages = lab.stages.iter().filter(|stage| stage.role != Role::Server);
        let passed = stages
            .filter(|stage| run_stage(stage, &program(server), &program(client), 1).result.is_ok())
            .map(|stage| format!("{number}.{}", stage.number));
        assert_eq!(passed.collect::<Vec<_>>(), [""; 0], "these stages pass");
    }
}

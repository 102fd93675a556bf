//! Tests the server in `designs/`, which has a deliberate flaw: one client that does not read blocks all others. The
//! chapter about speed compares this server with the finished server and two other correct servers, which `unusual.rs`
//! tests.

use grader::grading::run::run_stage;
use grader::harness::stage::Role;
use grader::kit::{files, root};
use grader::labs;
use grader::system::cargo::{BUILD_LIMIT, build};
use grader::system::program::Runnable;

use crate::export::export_built_in;

/// The stage in which a client does not read.
const STAGE: u32 = 9;

#[test]
fn a_server_that_writes_under_a_lock_fails_only_the_stage_with_clients_that_do_not_read() {
    let kit = export_built_in("target/designs/lab1-lock-and-write");
    let folder = root().join("tests/kit/designs/lab1-lock-and-write");
    for file in files::below(&folder).unwrap() {
        let text = files::read(&folder.join(&file)).unwrap().unwrap();
        files::write(&kit.path().join("labs").join(file), &text).unwrap();
    }
    let mut built = build(kit.path(), &["lab1-server".into()], BUILD_LIMIT).unwrap();
    let server = Runnable::Executable(built.remove("lab1-server").unwrap().unwrap());
    let lab = labs::all().into_iter().find(|lab| lab.number == 1).unwrap();
    let mut failed = Vec::new();
    for stage in lab.stages.iter().filter(|stage| stage.role == Role::Server) {
        let outcome = run_stage(stage, &server, &server, 1);
        if let Err(failure) = outcome.result {
            failed.push((stage.number, failure.to_string(), outcome.journal.events()));
        }
    }
    let numbers: Vec<_> = failed.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, [STAGE], "{failed:?}");
    // Because one client does not read, Erin gets no more messages, although she reads.
    let (_, failure, _) = &failed[0];
    assert!(failure.starts_with("erin should have heard"), "{failure}");
}

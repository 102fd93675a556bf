//! Creates fictitious classes: one with every verdict, and one with hostile text in every field that a submission
//! controls.

use std::time::Duration;

use grader::class::record::{
    Advice, Control, Lab, Ladder, Record, Report, Screen, Stage, Submission, VERSION, Verdict,
    Wrong,
};
use grader::journal::failure::Evidence;
use grader::journal::visible::visible;
use grader::journal::{Event, EventKind, Wire};
use grader::labs;
use grader::report::ladder::{self, Marks, Size};
use grader::report::svg;

/// Text that a submission may try to inject into the results, for example with its name or its output.
pub const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"onclick=\"alert(1)' \
                           \x1b[31m\x1b]0;title\x07\0\u{9b}2J \u{202e}\u{2066}|a;=1+1;\"=2+2\"\t=3+3\r=4+4 \u{fffd}";

/// Strings that spreadsheets may treat as formulas if a cell begins with them.
pub const FORMULAS: [&str; 12] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    ";=1",
    "\"=1",
    "\";=1",
    "＝1",
];

/// Returns a class with this number of submissions. Each submission has passed some stages, and every verdict occurs.
pub fn class(count: u32) -> Record {
    let names = ["Ann Lee", "Bo Østergård", "Chen 李", "Dana van der Meer-Oyelaran", "Eli O'Neil"];
    let submission = |number: u32| {
        let name = format!("{} {number:03}", names[number as usize % names.len()]);
        submission(name, number, |lab, stage| report(lab, stage, "hello from the river"))
    };
    let mut submissions: Vec<_> = (1..=count).map(submission).collect();
    submissions.sort_by(|one, other| one.name.cmp(&other.name));
    record(submissions)
}

/// Returns a class with hostile text in every field that a submission controls.
pub fn hostile() -> Record {
    let long = format!("{HOSTILE}{}", "A".repeat(1 << 20));
    let names = FORMULAS.iter().map(|formula| format!("{formula}{HOSTILE}"));
    let names =
        names.chain([HOSTILE.to_owned(), "../../up".to_owned(), String::new(), long.clone()]);
    let submissions = names.zip(3..).map(|(name, number)| {
        let mut submission = submission(name, number, |lab, stage| report(lab, stage, HOSTILE));
        submission.error = Some(format!("{}{HOSTILE}", FORMULAS[number as usize % FORMULAS.len()]));
        submission
    });
    let mut submissions: Vec<_> = submissions.collect();
    // One submission with a flood of output is enough.
    let flood = submission(HOSTILE.to_lowercase(), 4, |lab, stage| report(lab, stage, &long));
    submissions.push(flood);
    submissions[0].labs.clear();
    submissions[0].points = None;
    record(submissions)
}

fn record(submissions: Vec<Submission>) -> Record {
    Record {
        version: VERSION,
        kit: "0.1.0".to_owned(),
        date: "2026-11-27T09:00:00Z".to_owned(),
        machine: "Linux on the-instructors-machine, 2 processors".to_owned(),
        control: Control::Kit,
        tier: "A: /home/instructor is inaccessible".to_owned(),
        shard: None,
        submissions,
    }
}

fn submission(name: String, number: u32, report: impl Fn(u32, u32) -> Report) -> Submission {
    let labs: Vec<_> = labs::all().iter().map(|kind| lab(kind, number, &report)).collect();
    let has_grader_error = labs.iter().any(|lab| !lab.complete);
    let weighted = |lab: &Lab| lab.points.map(|points| points * lab.weight);
    let mut submission = Submission {
        name,
        points: Some(labs.iter().filter_map(weighted).sum()),
        maximum: labs.iter().map(|lab| lab.maximum * lab.weight).sum(),
        complete: !has_grader_error,
        error: None,
        tier: None,
        seconds: 61.5,
        date: "2026-11-27T09:21:07Z".to_owned(),
        hidden: labs.iter().flat_map(|lab| &lab.stages).map(|stage| u32::from(stage.hidden)).sum(),
        labs,
    };
    if number % 29 == 28 {
        submission.labs.clear();
        (submission.points, submission.complete) = (None, false);
        submission.error = Some("the archive has more than 1000 files".to_owned());
    }
    submission
}

fn lab(
    kind: &grader::harness::stage::Lab,
    number: u32,
    report: &impl Fn(u32, u32) -> Report,
) -> Lab {
    let count = u32::try_from(kind.stages.len()).unwrap();
    // The number of the stage at which the student stopped and the number of a stage with a mistake.
    let stopped = 2 + (number * 7 + kind.number * 5) % (count * 2);
    let mistake = (number * 5 + kind.number) % 11;
    let stage =
        |kind_of: &grader::harness::stage::Stage| {
            let stage = kind_of.number;
            let verdict = match stage {
                _ if number % 13 == 7 && stage == 5 => Verdict::GraderError,
                _ if stage == mistake => Verdict::Failed,
                _ if stage < stopped && kind_of.requires.contains(&mistake) => Verdict::Blocked,
                _ if stage < stopped => Verdict::Passed,
                _ if stage == stopped => Verdict::NotStarted,
                _ => Verdict::Blocked,
            };
            let has_report = matches!(verdict, Verdict::Failed | Verdict::GraderError);
            Stage {
                stage,
                title: kind_of.title.to_owned(),
                verdict,
                points: (verdict != Verdict::GraderError)
                    .then_some(if verdict == Verdict::Passed { kind_of.points } else { 0 }),
                maximum: kind_of.points,
                bonus: kind_of.is_bonus,
                hidden: kind.number == 4 && [13, 14].contains(&stage),
                blocked_by: (verdict == Verdict::Blocked).then_some(stopped.min(count)),
                seed: has_report.then(|| u64::MAX.to_string()),
                seconds: 0.4,
                control: has_report.then_some(verdict == Verdict::Failed),
                report: has_report.then(|| {
                    let mut report = report(kind.number, stage);
                    if verdict == Verdict::GraderError {
                        (report.wrong, report.grader) =
                            (None, Some("no socket is free".to_owned()));
                    }
                    report
                }),
            }
        };
    let stages: Vec<_> = kind.stages.iter().map(stage).collect();
    Lab {
        lab: kind.number,
        title: kind.title.to_owned(),
        points: Some(stages.iter().filter_map(|stage| stage.points).sum()),
        maximum: 100,
        weight: 1,
        complete: stages.iter().all(|stage| stage.points.is_some()),
        stages,
    }
}

/// Returns a report on a failed stage: the programs printed and sent `output`, but bob's connection should have
/// received something else.
fn report(lab: u32, stage: u32, output: &str) -> Report {
    let at = |ms: u64, who: &str, what| Event {
        at: Duration::from_millis(ms),
        who: who.to_owned(),
        what,
    };
    let sent = || Wire::Bytes(output.as_bytes().to_vec());
    let events = [
        at(1, "alice", EventKind::Typed(output.as_bytes().to_vec())),
        at(2, "alice", EventKind::Sent("server".to_owned(), sent())),
        at(3, "server", EventKind::Got("alice".to_owned(), sent())),
        at(4, output, EventKind::Got("server".to_owned(), sent())),
        at(5, "bob", EventKind::Note(output.chars().take(100).collect())),
        at(2000, "bob", EventKind::End),
    ];
    let evidence = Evidence {
        name: "bob".to_owned(),
        expected: b"EXPECTED".to_vec(),
        before: Vec::new(),
        rest: Vec::new(),
        is_screen: false,
    };
    let drawn = |missing| {
        let marks = Marks { evidence: Some(&evidence), missing, ..Marks::default() };
        let ladder =
            ladder::Ladder::new(lab, &events, &["bob"], &marks, Size { lanes: 6, rows: 60 });
        Ladder { text: ladder.to_text(100), svg: svg::ladder(&ladder) }
    };
    let line = visible(output.as_bytes());
    let advice = [("control", "passes"), ("hint", "A HINT"), ("again", "cargo lab check --seed 7")];
    Report {
        ended: vec![output.to_owned()],
        wrong: Some(Wrong {
            who: format!("bob's connection should receive the message {output}"),
            expected: vec!["EXPECTED⏎".to_owned()],
            came: vec![line],
            caret: Some((0, 3)),
        }),
        grader: None,
        near_misses: vec![format!("EXPECTED arrived one byte late: {output}")],
        step: Some(format!("{output} says EXPECTED")),
        ladder: Some(drawn(Some(b"EXPECTED"))),
        happened: Some(drawn(None)),
        screens: vec![Screen { name: "alice".to_owned(), lines: vec![output.to_owned(); 6] }],
        running: vec![format!("the server was waiting in recv: {output}")],
        advice: advice
            .map(|(label, text)| Advice { label: label.to_owned(), text: text.to_owned() })
            .to_vec(),
        text: format!("{lab}.{stage} EXPECTED {output}"),
    }
}

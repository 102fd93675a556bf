//! A class with every verdict, hidden stages, a bonus stage, a weighted lab, and hostile output.

use grader::class::record::{
    Advice, Control, Lab, Record, Report, Stage, Submission, VERSION, Verdict,
};

/// Text that a submission may use to try to break out of a tag, a cell, a command, or a page.
pub const HOSTILE: &str = "]]></failure>\n::error::HACKED\n ::stop-commands::x\n##[error]HACKED\n```\n~~~\n</pre><script>alert(1)</script>\n\
                           Grade :=>> 100\n--|>\n{\"scores\":{\"lab2\":100}}\n| a | **b** | @everyone $x$ %0A::error::HACKED\n\
                           \x1b[31m\x1b]0;t\x07\0\u{9b}2J\u{202e}\u{fffe}\u{ffff}\u{fffd}\\";

/// The report about a hidden stage.
pub const SECRET: &str = "SECRET";

pub fn record(submissions: Vec<Submission>) -> Record {
    Record {
        version: VERSION,
        kit: "0.1.0".to_owned(),
        date: "2026-11-27T09:00:00Z".to_owned(),
        machine: "Linux".to_owned(),
        control: Control::Kit,
        tier: "B".to_owned(),
        shard: None,
        submissions,
    }
}

/// Returns a submission in which every stage was graded. Because its lab counts twice, the submission has earned 60 of
/// 130 points instead of 30 of 65.
pub fn complete() -> Submission {
    submission(lab(None))
}

/// Returns a submission with a grader error at stage 2, which blocks stage 4.
pub fn incomplete() -> Submission {
    let mut submission = submission(lab(Some(2)));
    submission.error = Some(format!("the machine failed {HOSTILE}"));
    submission
}

/// Returns a submission that could not be graded at all.
pub fn ungraded() -> Submission {
    let mut submission = complete();
    (submission.points, submission.complete) = (None, false);
    submission.error = Some(HOSTILE.to_owned());
    submission.labs.clear();
    submission
}

/// Returns a submission with many stages, each of which fails with 1 MB of output.
pub fn flood() -> Submission {
    let output = format!("{HOSTILE}{}", "\"\u{202e}\\".repeat(1 << 17));
    let stages = (1..=60).map(|number| {
        let mut stage = stage(number, Verdict::Failed, None);
        stage.report = Some(report(&output));
        stage
    });
    let mut lab = lab(None);
    lab.stages = stages.collect();
    submission(lab)
}

fn submission(lab: Lab) -> Submission {
    let points = lab.stages.iter().filter_map(|stage| stage.points).sum::<u32>();
    let maximum =
        lab.stages.iter().filter(|stage| !stage.bonus).map(|stage| stage.maximum).sum::<u32>();
    let complete = lab.stages.iter().all(|stage| stage.points.is_some());
    Submission {
        name: format!("Ann {HOSTILE}"),
        points: Some(points * lab.weight),
        maximum: maximum * lab.weight,
        complete,
        error: None,
        tier: None,
        seconds: 61.5,
        date: "2026-11-27T09:21:07Z".to_owned(),
        hidden: lab.stages.iter().filter(|stage| stage.hidden).count().try_into().unwrap(),
        labs: vec![Lab { points: Some(points), maximum, complete, ..lab }],
    }
}

fn lab(grader_error: Option<u32>) -> Lab {
    let mut stages = vec![
        stage(1, Verdict::Passed, None),
        stage(2, Verdict::Failed, None),
        stage(3, Verdict::NotStarted, None),
        stage(4, Verdict::Blocked, Some(2)),
        stage(5, Verdict::Passed, None),
        stage(6, Verdict::Passed, None),
        stage(7, Verdict::Failed, None),
        stage(8, Verdict::Blocked, Some(7)),
    ];
    (stages[4].bonus, stages[4].title) = (true, "a bonus".to_owned());
    for hidden in &mut stages[5..7] {
        (hidden.hidden, hidden.maximum) = (true, 20);
    }
    stages[5].points = Some(20);
    stages[6].report = Some(report(SECRET));
    for stage in stages.iter_mut().filter(|stage| {
        grader_error.is_some_and(|number| stage.stage == number || stage.blocked_by == grader_error)
    }) {
        stage.points = None;
        if stage.blocked_by.is_none() {
            stage.verdict = Verdict::GraderError;
        }
    }
    Lab {
        lab: 2,
        title: "many".to_owned(),
        points: None,
        maximum: 0,
        weight: 2,
        complete: true,
        stages,
    }
}

fn stage(number: u32, verdict: Verdict, blocked_by: Option<u32>) -> Stage {
    Stage {
        stage: number,
        title: format!("title {number}"),
        verdict,
        points: Some(if verdict == Verdict::Passed { 5 } else { 0 }),
        maximum: 5,
        bonus: false,
        hidden: false,
        blocked_by,
        seed: Some(u64::MAX.to_string()),
        seconds: 0.25,
        control: None,
        report: (verdict == Verdict::Failed).then(|| report(HOSTILE)),
    }
}

fn report(output: &str) -> Report {
    let place = "labs/a,b/server.rs:12  `read`".to_owned();
    Report {
        advice: vec![Advice { label: "look at".to_owned(), text: place }],
        text: format!("EXPECTED\n  alice │──▶│ server\n{output}"),
        ..Report::default()
    }
}

//! Creates a submission's record from verdicts.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::class::record::{
    Advice, Lab, Ladder, Report, Screen, Stage, Submission, Verdict, Wrong,
};
use crate::class::settings::Settings;
use crate::grading::verdict::{self, Graded};
use crate::harness::stage;
use crate::journal::failure::Failure;
use crate::report::failure::Report as Made;
use crate::report::ladder::Size;
use crate::report::part::made;
use crate::report::text::{plain, quoted, quoted_line};
use crate::report::{ladder, svg};

/// The width of a report's text, in columns.
const COLUMNS: usize = 100;

/// The width of the expected and the actual text, in columns.
const ROOM: usize = 85;

/// The maximum size of a ladder that is drawn as an SVG image.
const DRAWN: Size = Size { lanes: 6, rows: 60 };

/// The maximum number of rows in a ladder that is written as text.
const ROWS: usize = 14;

/// Returns the current time in RFC 3339 format.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Returns a stage's result. `again` is the command that runs the stage again.
pub fn stage(
    lab: &stage::Lab,
    stage: &stage::Stage,
    graded: &Graded,
    settings: &Settings,
    again: String,
    kit: &Path,
) -> Stage {
    let (verdict, blocked_by) = match graded.verdict {
        verdict::Verdict::Passed => (Verdict::Passed, None),
        verdict::Verdict::Failed => (Verdict::Failed, None),
        verdict::Verdict::NotStarted => (Verdict::NotStarted, None),
        verdict::Verdict::Blocked(by) => (Verdict::Blocked, Some(by)),
        verdict::Verdict::GraderError => (Verdict::GraderError, None),
    };
    let points = match verdict {
        Verdict::Passed => Some(stage.points),
        Verdict::GraderError => None,
        _ => Some(0),
    };
    let has_report = matches!(verdict, Verdict::Failed | Verdict::GraderError);
    let outcome = graded.outcome.as_ref();
    Stage {
        stage: stage.number,
        title: stage.title.to_owned(),
        verdict,
        points,
        maximum: stage.points,
        bonus: settings.is_bonus(lab.number, stage),
        hidden: settings.is_hidden(lab.number, stage.number),
        blocked_by,
        seed: outcome.map(|outcome| outcome.seed.to_string()),
        seconds: seconds(outcome.map_or(Duration::ZERO, |outcome| outcome.took)),
        control: graded.control_passes,
        report: has_report.then(|| report(lab, stage, graded, again, kit)),
    }
}

/// Returns a time in seconds, rounded to a hundredth.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

fn report(
    lab: &stage::Lab,
    stage: &stage::Stage,
    graded: &Graded,
    again: String,
    kit: &Path,
) -> Report {
    let report = Made::new(lab, stage, graded, again).in_columns(COLUMNS);
    let lines = |part: &str, make: &dyn Fn() -> Vec<String>| {
        made(part, make).unwrap_or_else(|why| vec![why])
    };
    let drawn = report.has_happened().then(|| made("the ladder", || report.ladder(DRAWN)));
    let text = |ladder: &ladder::Ladder| {
        let text = made("the ladder", || ladder.to_text(COLUMNS)).unwrap_or_else(|why| why);
        plain(text.as_bytes())
    };
    // The text has fewer rows than the drawing, so the text is created from a smaller ladder.
    let both = |small: ladder::Ladder, large: &ladder::Ladder| {
        let svg = made("the ladder", || svg::ladder(large)).unwrap_or_default();
        Ladder { text: text(&small), svg }
    };
    let small = Size { lanes: ladder::most_lanes(COLUMNS), rows: ROWS };
    let happened =
        |size| made("the ladder", || report.ladder_of_what_happened(size)).ok().flatten();
    let (wrong, of_grader) = match report.failure() {
        Some(Failure::Grader(why)) => (None, Some(quoted(why).join("\n"))),
        Some(Failure::Wrong { who, expected, came, .. }) => {
            let wrong = made("the failure", || wrong(&report, who, expected, came));
            let missing = |why| Wrong { who: why, ..Wrong::default() };
            (Some(wrong.unwrap_or_else(missing)), None)
        }
        None => (None, None),
    };
    Report {
        ended: lines("the states", &|| report.states().ended),
        wrong,
        grader: of_grader,
        near_misses: lines("the near misses", &|| report.near_misses()),
        step: report.step().map(|step| quoted_line(&step.name)),
        screens: drawn.as_ref().map_or_else(Vec::new, |drawn| {
            let screens = || report.screens(drawn.as_ref().ok());
            let screens = made("the screens", screens).unwrap_or_default().into_iter();
            screens.map(|one| Screen { name: quoted_line(&one.name), lines: one.lines }).collect()
        }),
        ladder: drawn.and_then(Result::ok).and_then(|drawn| {
            Some(both(made("the ladder", || report.ladder(small)).ok()?, &drawn))
        }),
        happened: (report.has_happened())
            .then(|| Some(both(happened(small)?, &happened(DRAWN)?)))
            .flatten(),
        running: lines("the states", &|| report.states().running),
        advice: made("the advice", || report.advice(kit))
            .unwrap_or_default()
            .into_iter()
            .map(|(label, text)| Advice { label: label.to_owned(), text })
            .collect(),
        text: plain(
            made("the report", || report.to_text(kit)).unwrap_or_else(|why| why).as_bytes(),
        ),
    }
}

fn wrong(report: &Made, who: &str, expected: &str, came: &str) -> Wrong {
    let who = quoted_line(who);
    // If the received text has more than one line, it is the compiler's output.
    if came.contains('\n') {
        return Wrong { who, came: quoted(came), ..Wrong::default() };
    }
    let comparison = report.comparison(expected, came, ROOM);
    Wrong { who, expected: comparison.expected, came: comparison.came, caret: comparison.caret }
}

/// Returns a lab with its results. The lab is incomplete if some stages were not graded.
pub fn lab(lab: &stage::Lab, mut stages: Vec<Stage>, settings: &Settings) -> Lab {
    stages.sort_by_key(|stage| stage.stage);
    // If a stage is blocked by a stage with a grader error, the points of the blocked stage are unknown: without
    // this error, it might have passed.
    let is_unknown = |number: Option<u32>| {
        let mut graded = stages.iter().filter(|one| one.verdict == Verdict::GraderError);
        graded.any(|one| Some(one.stage) == number)
    };
    let unknown: Vec<_> = stages.iter().map(|stage| is_unknown(stage.blocked_by)).collect();
    for (stage, is_unknown) in stages.iter_mut().zip(unknown) {
        if is_unknown {
            stage.points = None;
        }
    }
    let known: Vec<_> = stages.iter().filter_map(|stage| stage.points).collect();
    Lab {
        lab: lab.number,
        title: lab.title.to_owned(),
        points: (!known.is_empty()).then(|| known.iter().sum()),
        maximum: maximum(lab, settings),
        weight: settings.weight(lab.number),
        complete: known.len() == lab.stages.len(),
        stages,
    }
}

/// Returns the maximum number of points for a lab, excluding bonus stages.
fn maximum(lab: &stage::Lab, settings: &Settings) -> u32 {
    let stages = lab.stages.iter().filter(|stage| !settings.is_bonus(lab.number, stage));
    stages.map(|stage| stage.points).sum()
}

/// Returns a submission with its results. If `labs` is empty, nothing could be graded.
pub fn submission(
    name: &str,
    wanted: &[stage::Lab],
    labs: Vec<Lab>,
    error: Option<String>,
    took: Duration,
    settings: &Settings,
) -> Submission {
    let known: Vec<_> = labs.iter().filter_map(|lab| Some(lab.points? * lab.weight)).collect();
    let is_hidden = |lab: &stage::Lab| {
        lab.stages.iter().filter(|stage| settings.is_hidden(lab.number, stage.number)).count()
    };
    Submission {
        name: name.to_owned(),
        points: (!known.is_empty()).then(|| known.iter().sum()),
        maximum: wanted
            .iter()
            .map(|lab| maximum(lab, settings) * settings.weight(lab.number))
            .sum(),
        complete: labs.len() == wanted.len() && labs.iter().all(|lab| lab.complete),
        error: error.map(|why| quoted(&why).join("\n")),
        tier: None,
        seconds: seconds(took),
        date: now(),
        hidden: wanted.iter().map(is_hidden).sum::<usize>().try_into().unwrap_or(u32::MAX),
        labs,
    }
}

/// In all strings of a JSON value, replaces the path of each folder in `folders` with the text next to it. If this text
/// is empty, the paths below the folder become relative.
pub fn without_folders(value: &mut Value, folders: &[(PathBuf, &str)]) {
    match value {
        Value::String(text) => {
            for (folder, instead) in folders {
                let folder = folder.to_string_lossy();
                if folder.len() > 1 && text.contains(&*folder) {
                    let within =
                        if instead.is_empty() { String::new() } else { format!("{instead}/") };
                    *text = text.replace(&format!("{folder}/"), &within).replace(&*folder, instead);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|one| without_folders(one, folders)),
        Value::Object(values) => values.values_mut().for_each(|one| without_folders(one, folders)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{lab, submission, without_folders};
    use crate::class::record::{Stage, Verdict};
    use crate::class::settings::Settings;
    use crate::labs;

    fn stage(stage: u32, verdict: Verdict, points: Option<u32>, blocked_by: Option<u32>) -> Stage {
        Stage {
            stage,
            title: String::new(),
            verdict,
            points,
            maximum: 10,
            bonus: false,
            hidden: false,
            blocked_by,
            seed: None,
            seconds: 0.0,
            control: None,
            report: None,
        }
    }

    #[test]
    fn what_a_grader_error_blocks_has_no_points_either() {
        let (all, mut settings) = (labs::all(), Settings::default());
        settings.weights.insert("1".to_owned(), 3);
        settings.bonus.push("1.1".to_owned());
        let stages = vec![
            stage(1, Verdict::Passed, Some(5), None),
            stage(2, Verdict::GraderError, None, None),
            stage(3, Verdict::Blocked, Some(0), Some(2)),
            stage(4, Verdict::Blocked, Some(0), Some(1)),
        ];
        let one = lab(&all[0], stages, &settings);
        assert_eq!((one.points, one.complete), (Some(5), false));
        assert_eq!(one.stages.iter().filter(|stage| stage.points.is_none()).count(), 2);
        let bonus = all[0].stages[0].points;
        assert_eq!(one.maximum, 100 - bonus);
        let all = submission("ann", &all[..2], vec![one], None, Duration::ZERO, &settings);
        assert_eq!((all.points, all.complete), (Some(15), false));
        assert_eq!(all.maximum, 3 * (100 - bonus) + 100);
        let nothing = submission("ann", &[], Vec::new(), None, Duration::ZERO, &settings);
        assert_eq!(nothing.points, None);
    }

    #[test]
    fn folders_of_the_machine_are_replaced_everywhere() {
        let mut value = json!({ "a": ["at /kit/slot/labs/x.rs and /kit/x"], "b": 1 });
        let folders = [("/kit/slot", ""), ("/kit", "~"), ("/", "?")];
        without_folders(&mut value, &folders.map(|(folder, instead)| (folder.into(), instead)));
        assert_eq!(value, json!({ "a": ["at labs/x.rs and ~/x"], "b": 1 }));
    }
}

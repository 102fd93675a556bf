//! `grading.toml`: the settings that an instructor chooses for a class.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use crate::harness::stage::Stage;
use crate::labs;

/// The maximum weight of a lab. This limit keeps sums of points small enough for every spreadsheet and every results
/// format.
const MAX_WEIGHT: u32 = 1_000;

/// The instructor's settings. By default, all labs have the same weight, no stages are hidden, and there are no bonus
/// stages other than the kit's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The labs' weights. A lab's points are multiplied by its weight. The default is 1. The keys are lab numbers.
    pub weights: BTreeMap<String, u32>,
    /// The stages that are hidden from students, for example `2.14`.
    pub hidden: Vec<String>,
    /// Bonus stages in addition to the kit's own, for example `2.14`.
    pub bonus: Vec<String>,
    /// The time limit for a build, in seconds.
    pub build_seconds: u64,
    /// Languages other than the kit's language.
    pub language: Vec<Language>,
}

/// A language and how its submissions are recognized, built, and started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// The language's name, as shown in messages.
    pub name: String,
    /// The path of a file, such as `Makefile`. A submission that contains this file is in this language. The commands
    /// run in the folder to which the path is relative.
    pub file: String,
    /// The shell commands that build the submission.
    #[serde(default)]
    pub build: Vec<String>,
    /// The command lines that start each lab's programs. The keys are lab numbers.
    pub lab: BTreeMap<String, Programs>,
}

/// The command lines of a lab's programs, with `{port}` and optionally `{host}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// The command line that starts the server.
    pub server: Option<String>,
    /// The command line that starts the client.
    pub client: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let (hidden, bonus, language) = (Vec::new(), Vec::new(), Vec::new());
        Self { weights: BTreeMap::new(), hidden, bonus, build_seconds: 300, language }
    }
}

impl Settings {
    /// Reads the settings from a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or names a lab or stage that does not exist.
    pub fn read(file: &Path) -> Result<Self> {
        let shown = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
        let settings: Self = toml::from_str(&text).with_context(|| format!("in {shown}"))?;
        settings.check().with_context(|| format!("in {shown}"))?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let of_languages = self.language.iter().flat_map(|language| language.lab.keys());
        for lab in self.weights.keys().chain(of_languages) {
            let exists = labs::numbers().iter().any(|number| number.to_string() == *lab);
            ensure!(exists, "there is no lab {lab}");
        }
        for (lab, weight) in &self.weights {
            ensure!(*weight <= MAX_WEIGHT, "the weight of lab {lab} is above {MAX_WEIGHT}");
        }
        for stage in self.hidden.iter().chain(&self.bonus) {
            let exists = stages().any(|(lab, number)| is(stage, lab, number));
            ensure!(exists, "there is no stage {stage}; write a stage in the form 2.14");
        }
        for language in &self.language {
            let commands = language.lab.values();
            let mut commands = commands.flat_map(|lab| [&lab.server, &lab.client]).flatten();
            let without = commands.find(|command| !command.contains("{port}"));
            let error = |command| anyhow!("{}: `{command}` must contain {{port}}", language.name);
            without.map_or(Ok(()), |command| Err(error(command)))?;
        }
        Ok(())
    }

    /// Returns the weight by which a lab's points are multiplied.
    pub fn weight(&self, lab: u32) -> u32 {
        self.weights.get(&lab.to_string()).copied().unwrap_or(1)
    }

    /// Returns whether a stage is hidden from students.
    pub fn is_hidden(&self, lab: u32, stage: u32) -> bool {
        self.hidden.iter().any(|hidden| is(hidden, lab, stage))
    }

    /// Returns whether a stage is a bonus stage.
    pub fn is_bonus(&self, lab: u32, stage: &Stage) -> bool {
        stage.is_bonus || self.bonus.iter().any(|bonus| is(bonus, lab, stage.number))
    }

    /// Returns the time limit for a build.
    pub fn build_limit(&self) -> Duration {
        Duration::from_secs(self.build_seconds)
    }
}

fn stages() -> impl Iterator<Item = (u32, u32)> {
    labs::all().into_iter().flat_map(|lab| {
        let stages: Vec<_> = lab.stages.iter().map(|stage| stage.number).collect();
        stages.into_iter().map(move |stage| (lab.number, stage))
    })
}

fn is(written: &str, lab: u32, stage: u32) -> bool {
    written.split_once('.') == Some((&lab.to_string(), &stage.to_string()))
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::labs;

    fn read(text: &str) -> Result<Settings, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Settings::read(file.path()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_example_of_the_book_is_read() {
        let text = r#"
            weights = { 1 = 1, 2 = 3 }
            hidden = ["2.14"]
            bonus = ["1.10"]
            build_seconds = 60
            [[language]]
            name = "Go"
            file = "main.go"
            build = ["go build -o chat ."]
            [language.lab.2]
            server = "./chat server {port}"
        "#;
        let settings = read(text).unwrap();
        assert_eq!((settings.weight(2), settings.weight(4)), (3, 1));
        assert!(settings.is_hidden(2, 14) && !settings.is_hidden(2, 1));
        let stages = &labs::all()[0].stages;
        let bonus = stages.iter().filter(|stage| settings.is_bonus(1, stage));
        assert_eq!(bonus.map(|stage| stage.number).collect::<Vec<_>>(), [10, 15, 16]);
        assert_eq!(settings.language[0].lab["2"].client, None);
    }

    #[test]
    fn mistakes_are_named() {
        let says = |text: &str, why: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        says("weights = { 9 = 1 }", "there is no lab 9");
        says("weights = { 2 = 1001 }", "the weight of lab 2 is above 1000");
        says("hidden = [\"2.99\"]", "there is no stage 2.99");
        says("hiden = []", "unknown field `hiden`");
        let language = "[[language]]\nname = \"C\"\nfile = \"Makefile\"\n[language.lab.1]\n";
        says(&format!("{language}server = \"./chat\""), "`./chat` must contain {port}");
    }
}

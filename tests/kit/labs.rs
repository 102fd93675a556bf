//! Tests the stages' points, hints, requirements, handouts, and scripts.

use std::fs;

use grader::harness::stage::Role;
use grader::kit::{exercises, files};
use grader::labs;
use syn::visit::{self, Visit};

#[test]
fn the_points_of_each_lab_add_up_to_100_and_a_bonus_of_10() {
    for lab in labs::all() {
        let points = |is_bonus| {
            let stages = lab.stages.iter().filter(|stage| stage.is_bonus == is_bonus);
            stages.map(|stage| stage.points).sum::<u32>()
        };
        assert_eq!((points(false), points(true)), (100, 10), "lab {}", lab.number);
        let first = lab.stages.iter().position(|stage| stage.is_bonus).unwrap();
        assert!(lab.stages[first..].iter().all(|stage| stage.is_bonus), "they come last");
    }
}

#[test]
fn every_stage_has_a_number_and_hints_and_requires_only_earlier_ones() {
    for lab in labs::all() {
        for (stage, number) in lab.stages.iter().zip(1..) {
            let name = format!("stage {}.{}", lab.number, stage.number);
            assert_eq!(stage.number, number, "{name}");
            assert!(stage.hints.len() >= 2, "{name} has too few hints: {:?}", stage.hints);
            for &other in stage.requires {
                assert!(other < number, "{name}");
                assert!(!lab.stages[other as usize - 1].is_bonus, "{name} requires a bonus stage");
                // A stage that tests only one program may require only stages of the same program: a server must not
                // lose points because of a faulty client.
                let role = lab.stages[other as usize - 1].role;
                assert!(
                    stage.role == Role::Together || stage.role == role,
                    "{name} requires {other}"
                );
            }
        }
    }
}

#[test]
fn every_stage_is_in_the_handout() {
    let folders = fs::read_dir(grader::kit::root().join("labs")).unwrap();
    let mut handouts: Vec<_> =
        folders.map(|folder| folder.unwrap().path().join("README.md")).collect();
    handouts.sort();
    for (lab, handout) in labs::all().iter().zip(&handouts) {
        let text = fs::read_to_string(handout).unwrap();
        for stage in &lab.stages {
            let on: Vec<_> = stage.requires.iter().map(ToString::to_string).collect();
            let program = match stage.role {
                Role::Server => "server",
                Role::Client => "client",
                Role::Together => "both",
            };
            let (number, title, points) = (stage.number, stage.title, stage.points);
            let row = format!("| {number} | {title} | {program} | {points} | {} |", on.join(", "));
            assert!(text.contains(&row), "{} should have the row\n{row}", handout.display());
        }
    }
}

/// A function's doc comment names its stages, so that `cargo lab` can find them.
#[test]
fn every_stage_is_named_in_a_doc_comment() {
    for lab in labs::all() {
        for stage in &lab.stages {
            let places = exercises::of_lab(&grader::kit::root(), "labs", lab.number).unwrap();
            let places = exercises::of_stage(places, stage.number);
            assert!(!places.is_empty(), "stage {}.{}", lab.number, stage.number);
        }
    }
}

/// The results of checking the scripts' steps.
#[derive(Default)]
struct Steps {
    /// The names of the functions that are listed in the steps.
    functions: Vec<String>,
    /// The mistakes that were found.
    wrong: Vec<String>,
    /// Whether this script has begun a step.
    has_begun: bool,
}

impl Steps {
    /// Adds the names in a list such as `&["relay", "send"]`.
    fn add(&mut self, functions: &syn::Expr) {
        let syn::Expr::Reference(list) = functions else { panic!("the list is not a literal") };
        let syn::Expr::Array(list) = &*list.expr else { panic!("the list is not a literal") };
        self.functions.extend(list.elems.iter().filter_map(text_of));
    }
}

fn text_of(text: &syn::Expr) -> Option<String> {
    match text {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

impl<'a> Visit<'a> for Steps {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        let doc = |attribute: &syn::Attribute| match &attribute.meta {
            syn::Meta::NameValue(doc) => text_of(&doc.value),
            _ => None,
        };
        let mut comment = function.attrs.iter().filter_map(doc);
        // A script has a line such as `Stage 1: …` in its comment. All other functions are called by scripts that have
        // already begun a step.
        self.has_begun = !comment.any(|line| line.starts_with(" Stage "));
        visit::visit_item_fn(self, function);
        if !self.has_begun {
            self.wrong.push(format!("`{}` has no step", function.sig.ident));
        }
    }

    fn visit_local(&mut self, local: &'a syn::Local) {
        visit::visit_local(self, local);
        if let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init)
            && name.ident == "functions"
        {
            self.add(&init.expr);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        if call.method != "step" {
            return;
        }
        self.has_begun = true;
        match &call.args[0] {
            // The list is in a variable, which `visit_local` checks.
            syn::Expr::Path(name) if name.path.is_ident("functions") => {}
            functions => self.add(functions),
        }
    }

    /// In a script, each call with `?` must come after the first call of `step`, unless the call starts a program or a
    /// listener.
    fn visit_expr_try(&mut self, tried: &'a syn::ExprTry) {
        let starts = ["server", "server_with", "client", "client_at", "listener", "address"];
        let is_start = match &*tried.expr {
            syn::Expr::MethodCall(call) => starts.iter().any(|start| call.method == start),
            _ => false,
        };
        if !self.has_begun && !is_start {
            let at = tried.question_token.span.start().line;
            self.wrong.push(format!("line {at} can fail before the first step"));
        }
        visit::visit_expr_try(self, tried);
    }

    /// A script may define a closure before the first call of `step`, because the calls in the closure do not run until
    /// the script calls the closure.
    fn visit_expr_closure(&mut self, closure: &'a syn::ExprClosure) {
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        visit::visit_expr_closure(self, closure);
        self.has_begun = has_begun;
    }
}

/// A report says at which step a stage failed and points to the functions that this step names.
#[test]
fn every_script_begins_with_a_step_and_names_functions_of_its_lab() {
    let root = grader::kit::root();
    for lab in labs::numbers() {
        let known = exercises::of_lab(&root, "labs", lab).unwrap();
        let scripts = root.join(format!("tests/src/labs/lab{lab}"));
        for file in files::below(&scripts).unwrap() {
            if ["mod.rs", "wire.rs"].iter().any(|other| file.ends_with(other)) {
                continue;
            }
            let mut steps = Steps::default();
            let text = fs::read_to_string(scripts.join(&file)).unwrap();
            steps.visit_file(&syn::parse_file(&text).unwrap());
            let is_unknown =
                |name: &&String| known.iter().all(|place| place.task.name != name.as_str());
            let unknown = steps.functions.iter().filter(is_unknown);
            steps.wrong.extend(unknown.map(|name| format!("lab {lab} has no function `{name}`")));
            assert!(steps.wrong.is_empty(), "{}: {:#?}", file.display(), steps.wrong);
        }
    }
}

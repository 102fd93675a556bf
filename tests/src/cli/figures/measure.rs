//! Measures the designs in the chapter about speed. Needs Linux, as the benchmark does.

use std::fs;
use std::path::Path;
use std::slice;

use anyhow::{Context, Result, anyhow, bail};

use crate::bench::server::Contender;
use crate::cli::figures::designs::{self, DESIGNS, Design, LAB, VALUES};
use crate::cli::progress::Progress;
use crate::cli::{bench, export};
use crate::kit::files;
use crate::system::cargo::{BUILD_LIMIT, build_optimized};
use crate::system::program::Runnable;

/// Measures the designs and writes the values to [`VALUES`].
///
/// # Errors
/// Returns an error if a design does not compile, if a design or the relay cannot be measured, or if the
/// file cannot be written.
pub fn measure(kit: &Path, rounds: usize) -> Result<()> {
    let plan = designs::plan(rounds);
    bench::prepare(&plan)?;
    let built = tempfile::tempdir()?;
    let mut contenders = vec![Contender::Relay];
    for Design { name, folder } in DESIGNS {
        let _progress = Progress::start(format!("building «{name}» with optimization"))?;
        let copy = built.path().join(name.replace(' ', "-"));
        build(kit, folder, &copy).with_context(|| format!("«{name}» cannot be built"))?;
        let program = Runnable::Executable(copy);
        contenders.push(Contender::Server { name: name.into(), program, is_students: false });
    }
    let results = bench::measure(&plan, &contenders)?;
    if let Some(fault) = results.faults.first() {
        bail!("«{}» cannot be measured ({}): {}", fault.server, fault.during, fault.what);
    }
    files::write(&kit.join(VALUES), &format!("{:#}\n", results.to_json()))
        .with_context(|| format!("cannot write {VALUES}"))?;
    println!("wrote {VALUES}; to make the table and the plot: cargo lab figures");
    Ok(())
}

/// Builds a design in a student kit, or the finished server in this kit, and copies the program.
fn build(kit: &Path, folder: Option<&str>, copy: &Path) -> Result<()> {
    let students = tempfile::tempdir()?;
    let (kit, package) = if let Some(folder) = folder {
        export::export(kit, students.path())?;
        for file in files::below(&kit.join(folder))? {
            let text = fs::read_to_string(kit.join(folder).join(&file))?;
            files::write(&students.path().join("labs").join(file), &text)?;
        }
        (students.path(), format!("lab{LAB}-server"))
    } else {
        (kit, format!("solution{LAB}-server"))
    };
    let built = build_optimized(kit, slice::from_ref(&package), BUILD_LIMIT);
    let mut built = built.map_err(|said| anyhow!("{}", said.trim()))?;
    let program = built.remove(&package).context("cargo built no program")?;
    fs::copy(program.map_err(|said| anyhow!("{}", said.trim()))?, copy)?;
    Ok(())
}

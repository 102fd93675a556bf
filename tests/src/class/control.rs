//! The control programs: the instructor's finished programs. If a student's stage fails, the control programs show
//! whether the machine is at fault.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::grading::grader::{Author, Grader};
use crate::labs;

/// Each package's executable.
pub type Programs = BTreeMap<String, PathBuf>;

/// The name of the archived file that contains the kit's version.
const VERSION: &str = "kit";

/// Builds a kit's control programs.
///
/// # Errors
/// Returns an error if a program cannot be built.
pub fn of_kit(kit: &Path, labs: &[u32]) -> Result<Programs> {
    let grader = Grader::new(kit, labs, None);
    let built = grader.build(Author::Kit).as_ref().map_err(|said| anyhow!("{said}"));
    let mut programs = Programs::new();
    for (package, result) in built.context("the finished programs cannot be built")? {
        let program = result.as_ref().map_err(|said| anyhow!("{said}"));
        let program = program.with_context(|| format!("{package} cannot be built"))?;
        programs.insert(package.clone(), program.clone());
    }
    Ok(programs)
}

/// Writes the control programs (the instructor's finished programs) of all labs to an archive that [`from_file`] can
/// read.
///
/// # Errors
/// Returns an error if the programs cannot be built or the file cannot be written.
pub fn export(kit: &Path, file: &Path) -> Result<usize> {
    if !Author::Kit.exists(kit) {
        bail!("this kit has no solutions; export the control programs from the complete kit");
    }
    let programs = of_kit(kit, &labs::numbers())?;
    let shown = || format!("cannot write {}", file.display());
    let packed = GzEncoder::new(File::create(file).with_context(shown)?, Compression::default());
    let mut tar = tar::Builder::new(packed);
    let mut header = tar::Header::new_gnu();
    header.set_size(crate::VERSION.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, VERSION, crate::VERSION.as_bytes()).with_context(shown)?;
    for (package, program) in &programs {
        let mut program = File::open(program)?;
        tar.append_file(package, &mut program).with_context(shown)?;
    }
    tar.into_inner().and_then(GzEncoder::finish).with_context(shown)?;
    Ok(programs.len())
}

/// Unpacks the control programs from an archive into a folder.
///
/// # Errors
/// Returns an error if the file is not an archive of control programs or was created by another version of the kit.
pub fn from_file(file: &Path, folder: &Path, labs: &[u32]) -> Result<Programs> {
    let shown = file.display();
    let wrong = || format!("{shown} was not made by `cargo lab export --control`");
    let packed = File::open(file).with_context(|| format!("cannot read {shown}"))?;
    let mut tar = tar::Archive::new(GzDecoder::new(packed));
    let mut programs = Programs::new();
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let mut version = String::new();
    for entry in tar.entries().with_context(wrong)? {
        let mut entry = entry.with_context(wrong)?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let is_program = labs::numbers().iter().any(|lab| {
            ["server", "client"].iter().any(|program| name == Author::Kit.package(*lab, program))
        });
        ensure!(is_program || name == VERSION, wrong());
        let program = folder.join(&name);
        entry.unpack(&program).with_context(wrong)?;
        if name == VERSION {
            version = fs::read_to_string(&program)?;
        } else {
            programs.insert(name, program);
        }
    }
    ensure!(
        version == crate::VERSION,
        "{shown} is from version {version} of the kit, but this is {}; export it again",
        crate::VERSION
    );
    let is_there = |lab: &&u32| programs.contains_key(&Author::Kit.package(**lab, "server"));
    if let Some(lab) = labs.iter().find(|lab| !is_there(lab)) {
        bail!("{shown} has no programs for lab {lab}");
    }
    Ok(programs)
}

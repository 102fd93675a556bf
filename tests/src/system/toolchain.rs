//! Determines which files and environment variables `cargo build` needs. A submission's source code can include other
//! files and environment variables (`include_str!`, `#[path]`, `env!`), so everything that the compiler may read can
//! become part of the program.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::system::confinement::Access;
use crate::system::reads;

/// The parts of cargo's home folder that a build reads. Other files in cargo's home folder contain, for example,
/// credentials.
const CARGO_HOME: [&str; 5] = ["bin", "registry", "git", "config", "config.toml"];

/// The files that cargo and rustup search for in a folder and in all folders above it.
const SETTINGS: [&str; 4] =
    [".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];

/// The folders of a kit whose packages cargo reads but does not always build.
const PACKAGES: [&str; 3] = ["labs", "solutions", "tests"];

/// The name prefixes of the environment variables that a build needs.
const VARIABLES: [&str; 16] = [
    "AR",
    "CARGO",
    "CC",
    "CFLAGS",
    "CXX",
    "DEVELOPER_DIR",
    "LANG",
    "LC_",
    "LD",
    "LIBRARY_PATH",
    "MACOSX_",
    "NIX_",
    "PATH",
    "PKG_CONFIG",
    "RUST",
    "SDKROOT",
];

/// Words that occur in the names of variables that contain secrets.
const SECRETS: [&str; 4] = ["TOKEN", "SECRET", "CREDENTIAL", "PASSWORD"];

/// Returns the access rights for building packages. `workspace` is a kit or a folder of links to a kit. `folder` is the
/// folder in the kit that contains the packages.
pub fn access(kit: &Path, workspace: &Path, target: &Path, folder: &str) -> Access {
    let [cargo, rustup] = homes();
    let mut reads = reads::of_search_path();
    reads.extend(cargo.iter().flat_map(|home| CARGO_HOME.map(|part| home.join(part))));
    reads.extend(rustup);
    for program in ["CARGO", "RUSTC"].iter().filter_map(env::var_os) {
        reads.extend(Path::new(&program).parent().into_iter().flat_map(reads::installation));
    }
    let real = fs::canonicalize(workspace).unwrap_or_else(|_| workspace.to_owned());
    for above in real.ancestors() {
        reads.extend(SETTINGS.map(|name| above.join(name)));
    }
    // Links are left out, because a link in a submission could lead anywhere.
    let is_free = |path: &PathBuf| {
        let mut others = ["target", ".git"].iter().chain(&PACKAGES);
        !path.is_symlink() && !others.any(|name| path.ends_with(name))
    };
    reads.extend(reads::entries(kit).filter(is_free));
    reads.push(kit.join(folder));
    // Cargo reads all manifests in a workspace.
    for packages in PACKAGES.map(|name| kit.join(name)) {
        let labs = [kit.to_owned(), packages.clone()].into_iter();
        let inner = labs.chain(reads::entries(&packages)).flat_map(|lab| reads::entries(&lab));
        let manifests = inner.map(|package| package.join("Cargo.toml"));
        reads.extend(manifests.filter(|manifest| !manifest.is_symlink()));
    }
    let lists = ["labs", "solutions"].map(|name| kit.join(name)).to_vec();
    // If kits share a build folder, `debug` is a link to this folder.
    let writes = vec![target.to_owned(), target.join("debug"), workspace.join("Cargo.lock")];
    Access { reads, lists, writes, ..Access::default() }
}

/// Removes the environment variables that a build does not need.
pub fn clear_environment(cargo: &mut Command) {
    let is_needed = |name: &str| {
        VARIABLES.iter().any(|begin| name.starts_with(begin))
            && !SECRETS.iter().any(|part| name.contains(part))
    };
    for (name, _) in env::vars_os().filter(|(name, _)| !is_needed(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    // The build has a different home folder, so the paths for cargo and rustup are set explicitly. Compiler wrappers
    // are turned off, because a wrapper such as sccache needs network access.
    for (name, home) in ["CARGO_HOME", "RUSTUP_HOME"].iter().zip(homes()) {
        cargo.envs(home.map(|home| (name, home)));
    }
    cargo.env("RUSTC_WRAPPER", "");
}

/// The home folders of cargo and rustup.
fn homes() -> [Option<PathBuf>; 2] {
    let home = |variable: &str, name: &str| {
        let set = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        set.or_else(|| env::home_dir().map(|home| home.join(name)))
    };
    [home("CARGO_HOME", ".cargo"), home("RUSTUP_HOME", ".rustup")]
}

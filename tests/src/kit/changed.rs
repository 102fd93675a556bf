//! Finds the labs that a student has changed.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::kit::files::{self, PRISTINE};

/// Returns the labs with a source file that differs from the starter, beginning with the lab whose files were changed
/// last. Ignores files that cannot be read.
pub fn changed_labs(kit: &Path) -> Vec<u32> {
    let mut changed: BTreeMap<u32, SystemTime> = BTreeMap::new();
    for path in files::below(&kit.join("labs")).unwrap_or_default() {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let Some(lab) = files::lab_of(&path).filter(|_| is_source) else { continue };
        let file = kit.join("labs").join(&path);
        // Only regular files are read, because reading from a pipe or a device might never end.
        let Some(data) = fs::metadata(&file).ok().filter(fs::Metadata::is_file) else { continue };
        let (Ok(mine), Ok(time)) = (fs::read(&file), data.modified()) else { continue };
        if fs::read(kit.join(PRISTINE).join(&path)).ok().as_ref() != Some(&mine) {
            changed.entry(lab).and_modify(|last| *last = time.max(*last)).or_insert(time);
        }
    }
    let mut labs: Vec<_> = changed.into_iter().collect();
    labs.sort_by_key(|(lab, time)| Reverse((*time, *lab)));
    labs.into_iter().map(|(lab, _)| lab).collect()
}

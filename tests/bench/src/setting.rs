//! Where it ran: figures mean nothing without it.

use crate::Failed;
use crate::meter;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// File systems that keep nothing when the power goes.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Where it ran.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    pub machine: String,
    pub filesystem: String,
    pub profile: &'static str,
    pub load_before: Option<f64>,
}

impl Setting {
    /// Looks around; refuses a folder in which no commit costs anything.
    pub fn of(folder: &Path) -> Result<Self, String> {
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(format!("`{folder}` is no folder: give another one with `--folder`"));
        }
        let found = meter::filesystem(folder).unwrap_or_else(|| "unknown".to_owned());
        if IN_MEMORY.contains(&found.as_str()) {
            let folder = folder.display();
            let told = format!(
                "`{folder}` is in memory ({found}), where no commit costs anything: give a folder \
                 on a disk with `--folder`"
            );
            return Err(told);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Ok(Self {
            machine: format!("{cores} cores, {arch}, {os}"),
            filesystem: found,
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            load_before: meter::load(),
        })
    }

    /// All of it, for people.
    pub fn told(&self) -> String {
        let Self { machine, filesystem, profile, load_before } = self;
        let load = load_before.map_or_else(|| "unknown".to_owned(), |load| load.to_string());
        format!("{machine}; file on {filesystem}; {profile} build; load before {load}")
    }
}

/// A folder for one run, which goes when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(above: &Path) -> Result<Self, Failed> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = above.join(format!("ballet-bench-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(told) = std::fs::remove_dir_all(&self.0) {
            eprintln!("`{}` cannot be removed: {told}", self.0.display());
        }
    }
}

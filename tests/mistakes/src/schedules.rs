//! After how many schedules the simulation alone notices a mistake.

use crate::Failed;
use crate::layers::root;
use crate::mistake::VARIABLE;
use crate::trial::Bound;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// So many are played. Who was not noticed by then is left to tests that arrange what they look for.
pub const MOST: u64 = 1_000;
/// A world takes milliseconds; one that takes so long does not end.
const ENDLESS: Duration = Duration::from_secs(20);
const A_MOMENT: Duration = Duration::from_millis(2);

/// The simulation, with an engine that makes mistakes when it is told to.
pub struct Simulation(PathBuf);

impl Simulation {
    /// Builds it, and has it play all schedules without a mistake: nothing may be found.
    pub fn build() -> Result<Self, Failed> {
        eprintln!("the simulation is built");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .current_dir(root())
            .args(["build", "--release", "-p", "simulate", "--features", "mistakes"])
            .args(["--target-dir", "target/mistakes"])
            .status()?;
        if !built.success() {
            return Err("the simulation cannot be built".into());
        }
        let simulation = Self(root().join("target/mistakes/release/simulate"));
        match simulation.first(None)? {
            None => Ok(simulation),
            Some(at) => Err(format!("without a mistake schedule {at} must pass").into()),
        }
    }

    /// The number of the first schedule, from 1, in which something was found, or that did not end.
    pub fn first(&self, mistake: Option<&str>) -> Result<Option<u64>, Failed> {
        for seed in 0..MOST {
            if !self.passes(seed, mistake)? {
                return Ok(Some(seed + 1));
            }
        }
        Ok(None)
    }

    #[allow(clippy::disallowed_methods)] // What is measured here is the time of the machine.
    fn passes(&self, seed: u64, mistake: Option<&str>) -> Result<bool, Failed> {
        let mut command = Command::new(&self.0);
        command.args(["--replay", &seed.to_string()]).env_remove(VARIABLE);
        if let Some(mistake) = mistake {
            command.env(VARIABLE, mistake);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = Bound(command.spawn()?);
        let begun = Instant::now();
        while begun.elapsed() < ENDLESS {
            if let Some(status) = child.0.try_wait()? {
                return Ok(status.success());
            }
            thread::sleep(A_MOMENT);
        }
        Ok(false)
    }
}

/// After how many schedules, in words.
pub fn told(first: Option<u64>) -> String {
    first.map_or_else(|| format!("not in {MOST}"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::{MOST, Simulation, told};

    #[test]
    fn the_first_schedule_that_does_not_pass_is_counted() {
        // Whatever it is asked, `false` says no and `true` says yes.
        assert_eq!(Simulation("false".into()).first(Some("some")).unwrap(), Some(1));
        assert_eq!(Simulation("true".into()).first(None).unwrap(), None);
        assert_eq!((told(Some(7)), told(None)), ("7".to_owned(), format!("not in {MOST}")));
    }
}

//! What every measuring program needs: where it ran, what it used, how figures are told, and how it ends.

pub mod meter;
/// The saga that is measured; its budgets are counted too.
pub mod saga;
pub mod setting;
pub mod statements;
pub mod stats;
pub mod tell;

use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

/// Why a measurement did not come to its end.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How the program ends: 0 if all is well, 1 if something failed, 2 if an option is wrong. Says why.
pub fn end(done: Result<Result<(), Failed>, String>) -> ExitCode {
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failed)) => {
            eprintln!("{failed}");
            ExitCode::from(1)
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(2)
        }
    }
}

/// Writes figures as JSON, if that is wanted, and says where.
pub fn keep<T: Serialize>(figures: &T, file: Option<&Path>) -> Result<(), Failed> {
    let Some(file) = file else { return Ok(()) };
    let unwritten = |told| format!("`{}` cannot be written: {told}", file.display());
    std::fs::write(file, serde_json::to_string_pretty(figures)?).map_err(unwritten)?;
    println!("figures as JSON: {}", file.display());
    Ok(())
}

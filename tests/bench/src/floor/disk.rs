//! The disk alone.

use super::again;
use crate::Failed;
use crate::ground::Ground;
use crate::load::Passed;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

/// Appends and waits for the disk, over and over.
pub(super) async fn sync(ground: &Ground, long: Duration) -> Result<Passed, Failed> {
    let folder = ground.folder()?;
    let mut file = File::create(folder.file("sync"))?;
    again(long, async || {
        file.write_all(&[7; 8_192])?;
        Ok(file.sync_data()?)
    })
    .await
}

//! Which images the servers are started from.

use super::runtime;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::sync::OnceCell;

/// The image that the variable names, or what `tests/images/build` says that it is to be.
pub async fn image(variable: &'static str) -> (String, String) {
    static IMAGES: OnceCell<BTreeMap<String, String>> = OnceCell::const_new();
    let images = IMAGES.get_or_init(|| async {
        runtime().spawn_blocking(build).await.expect("the script comes to its end")
    });
    let name = images.await.get(variable).expect("the script names both images");
    let (name, tag) = match name.rsplit_once(':') {
        // What follows the last colon may be the port of a registry.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name.as_str(), "latest"),
    };
    (name.to_owned(), tag.to_owned())
}

fn build() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images");
    let ended = Command::new(folder.join("engine")).status().expect("the script runs");
    assert!(ended.success(), "there is no engine to start servers with: see above");
    let script = folder.join("build");
    let ended = Command::new(script).stderr(Stdio::inherit()).output().expect("the script runs");
    assert!(ended.status.success(), "there are no images to start servers from: see above");
    let said = String::from_utf8(ended.stdout).expect("it says names");
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(variable, image)| (variable.to_owned(), image.to_owned())).collect()
}

//! Which tests a layer has, and how they are built.

use crate::Failed;
use crate::mistake::Layer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every layer, the cheapest first.
pub const LAYERS: &[Layer] = &[
    Layer::Framework,
    Layer::Conformance,
    Layer::Decide,
    Layer::Lane,
    Layer::Explore,
    Layer::Stories,
];

/// The layer of this name.
pub fn named(name: &str) -> Result<Layer, String> {
    let names: Vec<&str> = LAYERS.iter().map(|layer| layer.name()).collect();
    let found = LAYERS.iter().find(|layer| layer.name() == name).copied();
    found.ok_or_else(|| format!("there is no layer `{name}`; there are {}", names.join(", ")))
}

impl Layer {
    /// Its name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Framework => "framework",
            Self::Conformance => "conformance",
            Self::Lane => "lane",
            Self::Explore => "explore",
            Self::Stories => "stories",
            Self::Decide => "decide",
        }
    }

    /// The test binary, the folder that it runs in, and which of its tests are meant. Left out are those of files
    /// on the disk: what a store does wrong is done by the one in memory, and those take time that is real. Of
    /// `decide` the examples are meant, and not the exhaustive check, which takes a minute.
    fn tests(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::Framework => ("ballet", "framework", &["--skip", "sqlite::"]),
            Self::Conformance => ("it", "tests", &["conformance::in_memory"]),
            Self::Lane => ("it", "tests", &["lane::", "--skip", "lane::bounded"]),
            Self::Explore => {
                ("it", "tests", &["crashes::", "--skip", "crashes::p", "--skip", "crashes::crowds"])
            }
            Self::Stories => ("it", "tests", &["stories::"]),
            Self::Decide => ("decide", "framework", &["::"]),
        }
    }
}

/// The layers that take part, with the binaries that hold their tests.
pub struct Layers {
    pub all: Vec<Layer>,
    binaries: BTreeMap<String, PathBuf>,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Layers {
    /// Builds all test binaries once, with an engine that makes mistakes when it is told to.
    pub fn build(only: Option<Layer>) -> Result<Self, Failed> {
        eprintln!("the tests are built");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .current_dir(root())
            .args(["test", "--no-run", "--message-format=json-render-diagnostics"])
            .args(["-p", "ballet", "-p", "tests", "--features", "tests/mistakes"])
            .args(["--lib", "--test", "it", "--test", "decide"])
            .stderr(Stdio::inherit())
            .output()?;
        if !built.status.success() {
            return Err("the tests cannot be built".into());
        }
        let told = String::from_utf8(built.stdout)?;
        let binaries = told.lines().filter_map(binary).collect();
        let all = LAYERS.iter().copied().filter(|layer| only.is_none_or(|only| only == *layer));
        Ok(Self { all: all.collect(), binaries })
    }

    /// The command that runs the tests of a layer.
    pub fn command(&self, layer: Layer) -> Command {
        let mut command = self.binary(layer);
        command.args(layer.tests().2);
        command
    }

    /// The binary that holds the tests of a layer, and others.
    pub fn binary(&self, layer: Layer) -> Command {
        let (binary, folder, _) = layer.tests();
        let path = self.binaries.get(binary).map_or_else(PathBuf::new, PathBuf::clone);
        let (mut command, folder) = (Command::new(path), root().join(folder));
        // As cargo does: some tests look for their own sources.
        command.current_dir(&folder).env("CARGO_MANIFEST_DIR", &folder);
        command
    }
}

/// The test binary that a message of cargo tells of, if it does.
fn binary(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message.get("executable")?.as_str()?;
    let is_test = message.pointer("/profile/test")?.as_bool()?;
    let name = message.pointer("/target/name")?.as_str()?;
    is_test.then(|| (name.to_owned(), path.into()))
}

#[cfg(test)]
mod tests {
    use super::{LAYERS, binary, named};

    #[test]
    fn a_test_binary_is_known_by_what_cargo_tells() {
        let told = r#"{"executable":"/t/it-1","profile":{"test":true},"target":{"name":"it"}}"#;
        assert_eq!(binary(told), Some(("it".into(), "/t/it-1".into())));
        assert_eq!(binary(&told.replace("true", "false")), None);
        assert_eq!(binary(&told.replace("\"/t/it-1\"", "null")), None);
    }

    #[test]
    fn every_layer_has_its_name() {
        for layer in LAYERS {
            assert_eq!(named(layer.name()), Ok(*layer));
        }
    }
}

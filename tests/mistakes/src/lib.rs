//! Whether the tests notice when the engine is wrong.
//!
//! The engine can be told to make one of the mistakes of `framework/src/mistake.rs`. Each layer of tests is
//! built once; then, mistake by mistake, the layers run with it, first the one that is expected to catch it and
//! then the others, the cheapest first, until a test fails. What nobody catches is a test that is missing. Beside them the
//! simulation plays with it until it finds something.
//!
//! | in | is |
//! |---|---|
//! | `options` | what may be asked on the command line |
//! | `layers` | which tests a layer has, and how they are built |
//! | `trial` | one layer, run with one mistake or with none |
//! | `schedules` | after how many schedules the simulation alone notices a mistake |
//! | `work` | all mistakes through all layers |
//! | `page` | the table in `docs/internals/proof.md` |

pub mod layers;
#[path = "../../../framework/src/mistake.rs"]
pub mod mistake;
pub mod options;
pub mod page;
pub mod schedules;
pub mod trial;
pub mod work;

/// Why the program did not come to its end.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

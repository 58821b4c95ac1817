//! The suite over the pairs that need no server, and what only they promise.
//!
//! The sentences themselves are in `lib.rs` and the modules that it names.

mod join;
pub mod pairs;
mod shop;
mod sqlite;

use sentences::{NOON, Pair, begin, lane, message, next, open, outgoing, write};

mod in_memory {
    use super::pairs::Memory;
    sentences::store_sentences! { Memory }
    sentences::log_sentences! { Memory }
    sentences::fused_sentences! { Memory }
}

mod on_sqlite {
    use super::pairs::File;
    sentences::store_sentences! { File }
    sentences::log_sentences! { File }
    sentences::fused_sentences! { File }
}

//! Reading what is stored as MessagePack.

use rmp_serde::Deserializer;
use rmp_serde::decode::Error;
use serde::de::DeserializeOwned;

/// How deep what we write is nested at most; what is deeper is none of ours, and would fill the stack.
const DEEPEST: usize = 16;

/// Reads one value, and leaves what stands behind it.
pub(crate) fn read<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, Error> {
    let mut from = Deserializer::new(bytes);
    from.set_max_depth(DEEPEST);
    T::deserialize(&mut from)
}

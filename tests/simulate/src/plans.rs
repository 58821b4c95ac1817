//! The shapes of all plans that are played.

use crate::cast::bank::Transfer;
use crate::cast::drawn::Drawn;
use ballet::Saga;
use ballet::saga::Shape;
use std::collections::BTreeMap;

/// By saga and version.
pub(crate) fn shapes() -> BTreeMap<(String, u32), Shape> {
    let all = [
        shape::<Drawn<1>>(),
        shape::<Drawn<2>>(),
        shape::<Transfer<0>>(),
        shape::<Transfer<1>>(),
        shape::<Transfer<2>>(),
    ];
    all.into_iter().map(|shape| ((shape.saga.to_owned(), shape.version), shape)).collect()
}

fn shape<S: Saga>() -> Shape {
    S::plan().shape().clone()
}

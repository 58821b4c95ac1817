//! Optional JSON that keeps `null` apart from nothing: nothing is `[]`, a value is `[value]`.
//!
//! A step that makes `()` makes `null`, and that must not read as if it had made nothing.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) fn serialize<S: Serializer>(
    value: &Option<Box<RawValue>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    value.as_slice().serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Ok(Vec::<Box<RawValue>>::deserialize(from)?.pop())
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::value::RawValue;

    #[derive(Serialize, Deserialize)]
    struct Row {
        #[serde(with = "super")]
        made: Option<Box<RawValue>>,
    }

    #[test]
    fn what_made_null_has_made_something() {
        for made in [None, Some(RawValue::NULL.to_owned())] {
            let written = serde_json::to_string(&Row { made: made.clone() }).unwrap();
            let read: Row = serde_json::from_str(&written).unwrap();
            assert_eq!(read.made.is_some(), made.is_some(), "{written}");
        }
    }
}

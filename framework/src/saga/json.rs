//! JSON inside of what is written down: in JSON it is a part of it, in anything else a text.

use crate::saga::step::Json;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub(super) fn serialize<S: Serializer>(json: &Json, to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() { json.serialize(to) } else { to.serialize_str(json.get()) }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
    if from.is_human_readable() {
        return Json::deserialize(from);
    }
    RawValue::from_string(String::deserialize(from)?).map_err(D::Error::custom)
}

//! Text that is handed around more often than it is made.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

/// A text that is cheap to clone: up to 23 bytes stand in it, a longer one is shared.
///
/// Names, keys and ids are such. It reads like a `str`, and compares like one.
///
/// ```
/// use ballet::Text;
///
/// let name = Text::from("stock.reserved");
/// assert_eq!(name, "stock.reserved");
/// assert!(name.starts_with("stock"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(SmolStr);

impl Text {
    /// A text of the program, which is not copied.
    #[must_use]
    pub const fn of(text: &'static str) -> Self {
        Self(SmolStr::new_static(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(SmolStr::from(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<&Self> for Text {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl<'t> From<&'t Text> for Cow<'t, str> {
    fn from(text: &'t Text) -> Self {
        Cow::Borrowed(text.as_str())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use std::collections::BTreeMap;

    #[test]
    fn short_and_long_texts_are_read_compared_and_written_like_a_str() {
        for text in ["", "short", "one that is too long to stand where it is"] {
            let made = Text::from(text);
            assert_eq!((made.as_str(), made.to_string(), &*made), (text, text.to_owned(), text));
            assert_eq!(format!("{made:?}"), format!("{text:?}"));
            let written = serde_json::to_string(&made).unwrap();
            assert_eq!(written, serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<Text>(&written).unwrap(), made);
            assert_eq!(String::from(made.clone()), text);
            assert_eq!(BTreeMap::from([(made, 1)]).get(text), Some(&1));
        }
        let (one, other) = (Text::from("a"), Text::of("b"));
        assert!(one < other);
    }
}

//! Order: the messages of one key from one source are heard as they were said, each once (I4, I3, I5).

use crate::History;

/// What must be true.
pub const LAW: &str =
    "What is said of a key is heard once, and in its order unless some of it was given up.";

/// Goes through what was heard.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (key, said) in &history.said {
        let heard = history.heard.get(key).map_or(&[][..], Vec::as_slice);
        let lost = history.given_up.contains(key);
        for n in 1..=*said {
            let times = heard.iter().filter(|heard| **heard == n).count();
            if times > 1 || times == 0 && !lost {
                found.push(format!("number {n} of `{key}` was heard {times} times"));
            }
        }
        if !lost && !heard.is_sorted() {
            found.push(format!("`{key}` was heard in the order {heard:?}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::History;

    fn heard(numbers: &[u64], given_up: bool) -> Vec<String> {
        check(&History {
            said: [("k".to_owned(), 3)].into(),
            heard: [("k".to_owned(), numbers.to_vec())].into(),
            given_up: given_up.then(|| "k".to_owned()).into_iter().collect(),
            ..History::default()
        })
    }

    #[test]
    fn what_is_heard_in_its_order_is_left_alone() {
        assert_eq!(heard(&[1, 2, 3], false), [""; 0]);
        assert_eq!(heard(&[3, 1], true), [""; 0]);
    }

    #[test]
    fn what_is_heard_twice_or_not_at_all_is_named() {
        assert_eq!(heard(&[1, 2], false), ["number 3 of `k` was heard 0 times"]);
        assert_eq!(heard(&[1, 2, 2, 3], false), ["number 2 of `k` was heard 2 times"]);
        assert_eq!(heard(&[2, 2], true), ["number 2 of `k` was heard 2 times"]);
    }

    #[test]
    fn another_order_is_named() {
        assert_eq!(heard(&[1, 3, 2], false), ["`k` was heard in the order [1, 3, 2]"]);
    }
}

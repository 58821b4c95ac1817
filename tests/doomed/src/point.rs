//! The points, by name.

use std::fmt;
use std::str::FromStr;

/// A point that a process passes. Those of batches, messages and entries are the same as those of
/// `ballet::memory::Point`, by the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A lane is about to be taken over.
    Take,
    /// It is this process's, and has done nothing yet.
    Taken,
    /// A batch is about to begin.
    Begin,
    /// A batch is about to be committed.
    Commit,
    /// A batch was committed, and nobody knows it yet.
    Committed,
    /// Messages are about to be appended to topics.
    Produce,
    /// They were appended, and nobody knows it yet.
    Produced,
    /// That messages were appended is about to be written down without a batch.
    Mark,
    /// It is written down.
    Marked,
    /// Something is about to enter an inbox.
    Enter,
    /// It has entered, and whoever asked has no answer yet.
    Entered,
    /// Somebody outside is about to be called.
    Call,
    /// They have done it, and nobody knows it yet.
    Called,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Take,
        Self::Taken,
        Self::Begin,
        Self::Commit,
        Self::Committed,
        Self::Produce,
        Self::Produced,
        Self::Mark,
        Self::Marked,
        Self::Enter,
        Self::Entered,
        Self::Call,
        Self::Called,
    ];
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|point| point.to_string() == name);
        let names = || Self::ALL.map(|point| point.to_string()).join(", ");
        known.ok_or_else(|| format!("`{name}` is no point; there are {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::Point;
    use ballet::memory;
    use ballet::store::LaneId;

    /// The point of the same name. To die when messages have come is to die before their batch begins.
    fn twin(point: &memory::Point) -> Point {
        match point {
            memory::Point::Take(_) => Point::Take,
            memory::Point::Taken(_) => Point::Taken,
            memory::Point::Receive(_) => Point::Begin,
            memory::Point::Mark(_) => Point::Mark,
            memory::Point::Marked(_) => Point::Marked,
            memory::Point::Begin(_) => Point::Begin,
            memory::Point::Commit(_) => Point::Commit,
            memory::Point::Committed(_) => Point::Committed,
            memory::Point::Produce(_) => Point::Produce,
            memory::Point::Produced(_) => Point::Produced,
            memory::Point::Enter(_) => Point::Enter,
            memory::Point::Entered(_) => Point::Entered,
        }
    }

    #[test]
    fn a_point_of_real_processes_is_called_as_in_memory() {
        let (lane, topic) = (LaneId::new("g", 0), "t".to_owned());
        for point in [
            memory::Point::Take(lane.clone()),
            memory::Point::Taken(lane.clone()),
            memory::Point::Mark(lane.clone()),
            memory::Point::Marked(lane.clone()),
            memory::Point::Begin(lane.clone()),
            memory::Point::Commit(lane.clone()),
            memory::Point::Committed(lane.clone()),
            memory::Point::Produce(topic.clone()),
            memory::Point::Produced(topic),
            memory::Point::Enter(lane.clone()),
            memory::Point::Entered(lane),
        ] {
            let name = format!("{point:?}").split('(').next().unwrap().to_lowercase();
            assert_eq!(twin(&point).to_string(), name);
        }
    }

    #[test]
    fn every_name_is_read_as_its_point() {
        for point in Point::ALL {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert!("elsewhere".parse::<Point>().unwrap_err().contains("take, taken, begin, commit"));
    }
}

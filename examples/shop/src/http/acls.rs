//! What each service may do in Kafka, as the topology says.

use crate::cast::topology;
use crate::http::Example;
use ballet::Topology;
use std::fmt::Write;

/// Whatever begins with the name.
const PREFIXED: &str = " --resource-pattern-type prefixed";

/// The lines of `kafka-acls` that give every service its rights.
pub(super) fn of(example: &Example) -> String {
    lines(&topology(example.cast.iter().chain(example.beside)))
}

/// A line for each right. Without Create the topics must be made by others; without DescribeConfigs a
/// service cannot check how long they keep messages, and says so.
fn lines(topology: &Topology) -> String {
    let mut text = String::from(
        "# Where Kafka is, and a user that may give rights:\n\
         # KAFKA_ACLS=\"kafka-acls.sh --bootstrap-server localhost:9092 --command-config admin.conf\"\n",
    );
    for (service, rights) in topology.rights() {
        let _ = writeln!(text, "\n# {service}");
        let user = format!("--allow-principal User:{}", service.replace('-', "_"));
        let mut allow = |operations: &[&str], kind: &str, name: &str, more: &str| {
            let operations: String =
                operations.iter().map(|operation| format!("--operation {operation} ")).collect();
            let _ = writeln!(text, "$KAFKA_ACLS --add {user} {operations}--{kind} {name}{more}");
        };
        for topic in &rights.writes {
            allow(&["Write", "Create", "DescribeConfigs"], "topic", topic, "");
        }
        for topic in &rights.reads {
            allow(&["Read", "Create", "DescribeConfigs"], "topic", topic, "");
        }
        for group in &rights.groups {
            allow(&["Read", "Create", "DescribeConfigs"], "topic", &format!("{group}.lanes"), "");
            allow(&["Read"], "group", group, "");
        }
        // One that is folded anew has a group of its own, with a number.
        for view in &rights.views {
            let lanes = format!("{view}.");
            allow(&["Read", "Create", "DescribeConfigs"], "topic", &lanes, PREFIXED);
            allow(&["Read"], "group", view, "");
            allow(&["Read"], "group", &format!("{view}~"), PREFIXED);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::bystanders::ShadowFraud;
    use ballet::Topology;

    #[test]
    fn a_service_may_write_what_it_says_and_read_what_it_hears() {
        let text = lines(&Topology::new().service("fraud-v2").reactor::<ShadowFraud>());
        let user = "$KAFKA_ACLS --add --allow-principal User:fraud_v2";
        let more = "--operation Create --operation DescribeConfigs";
        for line in [
            format!("{user} --operation Write {more} --topic shop.order-validations.v1"),
            format!("{user} --operation Read {more} --topic shop.orders.v1"),
            format!("{user} --operation Read {more} --topic fraud-v2.lanes"),
            format!("{user} --operation Read --group fraud-v2"),
        ] {
            assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("--add").count(), 4);
    }
}

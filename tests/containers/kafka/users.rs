//! Who may do what: one clear sentence each.

use super::{batch, set};
use ballet::broker::{Broker, TopicSpec};
use ballet::kafka::{Config, Kafka, Sasl, Security};
use ballet::{Error, ErrorKind};
use containers::servers;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

async fn connect(at: SocketAddr, user: &str, password: &str) -> Result<Arc<Kafka>, Error> {
    let mechanism = "PLAIN".to_owned();
    let sasl = Sasl { mechanism, user: user.to_owned(), password: password.to_owned() };
    let security = Security { sasl: Some(sasl), ..Security::default() };
    Kafka::connect(Config { security, ..Config::new(at.to_string()) }).await
}

#[tokio::test]
async fn a_user_that_is_not_known_or_may_not_is_told_so_at_once() {
    let (_server, at) = servers::Kafka::guarded(&[]).await;
    let told = connect(at, "guest", "sekret").await.unwrap_err();
    let start =
        format!("Kafka at `{at}` does not take this user: check user, password and mechanism");
    assert!(told.to_string().starts_with(&start), "{told}");
    assert!(!told.to_string().contains("sekret"), "{told}");

    let config = Config { patience: Duration::from_millis(500), ..Config::new(at.to_string()) };
    let told = Kafka::connect(config).await.unwrap_err().to_string();
    assert!(told.contains("whether it wants TLS or a user"), "{told}");

    let admin = connect(at, "admin", "secret").await.unwrap();
    for name in ["t", "g.lanes"] {
        let spec = TopicSpec { name: name.into(), partitions: 1, compacted: false };
        admin.ensure(&spec).await.unwrap();
    }
    admin.produce(&[&batch("t", 0, 0..1)]).await.unwrap();

    let guest = connect(at, "guest", "secret").await.unwrap();
    let spec = TopicSpec { name: "t".into(), partitions: 1, compacted: false };
    for told in [
        guest.ensure(&spec).await.unwrap_err(),
        guest.partitions("t").await.unwrap_err(),
        guest.range("t", 0).await.unwrap_err(),
        guest.produce(&[&batch("t", 0, 1..2)]).await.unwrap_err(),
    ] {
        let text = may_not_see("t");
        assert_eq!((told.kind(), &*told.to_string()), (ErrorKind::Broker, &*text));
    }
    let told = guest.join("g", &set("t"), 1).await.err().unwrap().to_string();
    assert_eq!(told, may_not_see("g.lanes"));
}

fn may_not_see(topic: &str) -> String {
    format!(
        "user `guest` may not see topic `{topic}`: give it the right Describe, with `kafka-acls.sh … --add \
         --allow-principal User:guest --operation Describe --topic {topic}`"
    )
}

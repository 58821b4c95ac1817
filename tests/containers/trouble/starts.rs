//! What keeps a process from starting.

use super::is_decent;
use containers::process::{Process, program};
use containers::servers::{self, Kafka, free_port};
use containers::shop::{Shop, migrated, store};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tokio::task::JoinSet;

/// Makes a topic as somebody else would.
async fn topic(kafka: &Kafka, name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let bootstrap = kafka.bootstrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (setting, value) in settings {
        topic = topic.set(setting, value);
    }
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    made.into_iter().for_each(|made| drop(made.unwrap()));
}

/// The one sentence with which a process of `inventory` or of another service ends.
async fn refused(options: &[(&str, String)]) -> String {
    let folder = std::env::temp_dir().join(servers::own_name("ballet-refused"));
    let outside = folder.to_str().unwrap().to_owned();
    let usual = [("SHOP_LISTEN", "127.0.0.1:0"), ("SHOP_LANES", "2"), ("SHOP_OUTSIDE", &*outside)];
    let own = options.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = usual.into_iter().chain(own).collect();
    let mut process = Process::start(&program("orchestrated"), &[], &variables);
    assert_eq!(process.ended().await.code(), Some(2), "{}", process.said());
    let said = process.heard().await;
    is_decent(&said);
    let waits = ["it is tried again: ", "asked again: ", "orchestrated runs with"];
    let is_told = |line: &&str| {
        line.starts_with("orchestrated") && !waits.iter().any(|wait| line.contains(wait))
    };
    let told: Vec<&str> = said.lines().filter(is_told).collect();
    assert_eq!(told.len(), 1, "{said}");
    told[0].strip_prefix("orchestrated: ").unwrap().to_owned()
}

/// A service, the URLs that it is given, and what its sentence must have in it.
type Case = (&'static str, String, String, &'static str);

/// URLs that are right, and what may be wrong with them.
struct Urls {
    store: String,
    broker: String,
    /// Where Postgres is, and where nobody is.
    server: String,
    nobody: String,
    database: String,
}

impl Urls {
    /// Servers that are named wrongly, or are not there.
    fn wrong(&self) -> Vec<Case> {
        let (store, broker) = (&self.store, &self.broker);
        let inventory =
            |store: &str, expected| ("inventory", store.to_owned(), broker.clone(), expected);
        let soon = |url: &str| url.replace("patience-ms=20000", "patience-ms=700");
        let through =
            |broker: &str, expected| ("inventory", store.clone(), broker.to_owned(), expected);
        // The role has the name of the database in its own.
        let elsewhere = store.replace(&format!("/{}?", self.database), "/nowhere?");
        let server_gone = soon(&store.replace(&self.server, &self.nobody));
        vec![
            inventory("mysql://u:sekret@h/d", "--store is neither a file nor a `postgres://` URL"),
            inventory(
                &store.replace("secret", "sekret"),
                "look at its password and at `pg_hba.conf`",
            ),
            inventory(&server_gone, "cannot be reached: start it, or name another"),
            inventory(&elsewhere, "is not there: make it with `createdb nowhere`"),
            inventory(&format!("{store}&sslmode=require"), "cannot be spoken to as `sslmode` asks"),
            through("http://u:sekret@host", "begin it with `kafka://` or `kafka+tls://`"),
            through(
                &format!("kafka://{}?patience-ms=700", self.nobody),
                "check the address, that it runs, and whether it wants TLS or a user",
            ),
            through(
                "kafka://nowhere.invalid:9092?patience-ms=700",
                "nobody knows the host of Kafka at `nowhere.invalid:9092`: check the address",
            ),
        ]
    }

    /// Servers that are there, and not as they must be.
    fn unfit(&self) -> Vec<Case> {
        let of = |service, expected| (service, self.store.clone(), self.broker.clone(), expected);
        vec![
            of("nobody", "there is no service `nobody`; there are purchase, orders"),
            of("payments", "look at its password"),
            of("orders", "is of an older ballet (schema 0, this one needs 1): run `ballet migrate"),
            of(
                "fraud",
                "topic `fraud.commands` has 1 partitions and must have 2; the count is pinned",
            ),
            of(
                "limits",
                "topic `limits.commands` has `max.message.bytes=1000000` and must have 2105344 or more: \
                 alter the topic, or set `largest`, which is 2097152, to 991808 or less",
            ),
            of("details", "topic `details.commands` is kept too long"),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_keeps_a_process_from_starting_is_told_in_one_sentence_that_says_what_to_do() {
    let (postgres, kafka) = (servers::postgres().await, Kafka::alone().await);
    let database = migrated(postgres, &["inventory", "orders", "fraud", "limits", "details"]).await;
    let mut db = PgConnection::connect(&database.superuser_url()).await.unwrap();
    db.execute("UPDATE orders.meta SET value = 0 WHERE name = 'version'").await.unwrap();
    topic(&kafka, "fraud.commands", 1, &[]).await;
    topic(&kafka, "limits.commands", 2, &[("max.message.bytes", "1000000")]).await;
    let ages = [("max.message.bytes", "3000000"), ("retention.ms", "-1")];
    topic(&kafka, "details.commands", 2, &ages).await;

    let urls = Urls {
        store: format!("{}?patience-ms=20000", store(&database)),
        broker: format!("kafka://{}?patience-ms=20000", kafka.bootstrap()),
        server: postgres.address().to_string(),
        nobody: format!("127.0.0.1:{}", free_port()),
        database: database.name().to_owned(),
    };
    let mut cases = JoinSet::new();
    for (service, store, broker, expected) in urls.wrong().into_iter().chain(urls.unfit()) {
        let options =
            [("SHOP_SERVICE", service.to_owned()), ("SHOP_STORE", store), ("SHOP_BROKER", broker)];
        cases.spawn(async move { (refused(&options).await, expected) });
    }
    for (told, expected) in cases.join_all().await {
        assert!(told.contains(expected), "`{expected}` is not in `{told}`");
    }
}

#[tokio::test]
async fn a_name_that_no_service_has_makes_no_file() {
    let folder = std::env::temp_dir().join(servers::own_name("ballet-nobody"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("shop.db");
    let options = [
        ("SHOP_STORE", file.to_str().unwrap().to_owned()),
        ("SHOP_SERVICE", "orders,nobody".to_owned()),
    ];
    assert!(refused(&options).await.starts_with("there is no service `nobody`"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_takes_less_is_taken_by_who_says_less() {
    let shop = Shop::of("orchestrated").await;
    topic(shop.kafka(), "limits.commands", 2, &[("max.message.bytes", "1000000")]).await;
    let broker = format!("kafka://{}?largest=991808", shop.kafka().bootstrap());
    let process = shop.begin_with("limits", &[("SHOP_BROKER", &broker)]);
    process.says(": http://").await;
}

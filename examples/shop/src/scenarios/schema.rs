//! Messages that are written in another version of their schema than the shop reads.

use crate::cast::Player;
use crate::contracts::{
    Address, CustomerId, CustomerUpserted, Level, NOTIFICATION, OrderShipped, SHIPPING, Status,
};
use crate::customers::{Addressee, Addresses, Contact, Contacts};
use crate::stage::Stage;
use ballet::{Event, Key, Sources, Topic, View};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The version that nobody knows yet.
const TOMORROW: u32 = 999;

/// A customer as the schema of tomorrow has it: in other words.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NewCustomer {
    id: CustomerId,
    full_name: String,
    mailbox: String,
    home: Address,
    change: u64,
}

impl NewCustomer {
    fn of_today(&self) -> CustomerUpserted {
        let Self { id, full_name, mailbox, home, change } = self.clone();
        CustomerUpserted {
            customer_id: id,
            name: full_name,
            email: mailbox,
            address: home,
            level: Level::Gold,
            version: change,
        }
    }
}

impl Event for NewCustomer {
    const NAME: &'static str = CustomerUpserted::NAME;
    const VERSION: u32 = TOMORROW;
    const TOPIC: Topic = CustomerUpserted::TOPIC;

    fn key(&self) -> Key {
        Key::from(&self.id)
    }
}

/// The copies, as a process keeps them that was upgraded.
struct NewAddresses;
struct NewContacts;

impl View for NewAddresses {
    const NAME: &'static str = Addresses::NAME;
    type Key = CustomerId;
    type Row = Addressee;

    fn sources() -> Sources<Self> {
        let fold = |known, said: &NewCustomer| Addresses::fold(known, &said.of_today());
        Sources::new().on::<NewCustomer>(|said| said.id.clone(), fold)
    }
}

impl View for NewContacts {
    const NAME: &'static str = Contacts::NAME;
    type Key = CustomerId;
    type Row = Contact;

    fn sources() -> Sources<Self> {
        let fold = |known, said: &NewCustomer| Contacts::fold(known, &said.of_today());
        Sources::new().on::<NewCustomer>(|said| said.id.clone(), fold)
    }
}

/// X17, F4: "a v999 schema: DLQ, neighbours unaffected; replay after fix completes the order". Both
/// copies of the customers set the new customer aside, until they are upgraded; Notification and
/// Alerts, and whoever listens besides, set aside the end of an order that nobody will ever be able to
/// read.
pub async fn x17_schema_of_tomorrow(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("max", "AT").await;
    let eva = Stage::person("eva", "AT");
    stage
        .say(&NewCustomer {
            id: eva.customer_id,
            full_name: eva.name,
            mailbox: eva.email,
            home: eva.address,
            change: 1,
        })
        .await;
    stage.say_in::<OrderShipped>(TOMORROW, &Key::new("7"), &json!({"order": "7"})).await;
    let (copies, ends) = (2, 2 + stage.listeners());

    stage.until_given_up(copies + ends).await;
    let given_up = stage.given_up().await;
    for (name, letters) in [(CustomerUpserted::NAME, copies), (OrderShipped::NAME, ends)] {
        let named = format!("`{name}` of schema version {TOMORROW} is not readable: missing field");
        let says = |why: &&String| why.contains(&named);
        assert_eq!(given_up.iter().filter(says).count(), letters, "{given_up:?}");
    }
    stage.buy("1", "eva", 1).await;
    stage.buy("2", "max", 1).await;
    assert_eq!(stage.end_of("2").await, Status::Shipped);
    stage.until_it_is(Status::Valid, "1").await;

    for (name, upgraded) in [
        (
            SHIPPING,
            Player {
                name: SHIPPING,
                start: |app, _| Box::pin(app.view::<NewAddresses>().start()),
                topics: |topology| topology.view::<NewAddresses>(),
            },
        ),
        (
            NOTIFICATION,
            Player {
                name: NOTIFICATION,
                start: |app, _| Box::pin(app.view::<NewContacts>().start()),
                topics: |topology| topology.view::<NewContacts>(),
            },
        ),
    ] {
        stage.kill(name).await;
        stage.start_as(upgraded).await;
    }
    stage.resume().await;
    stage.until_known(&Stage::person("eva", "AT")).await;
    for name in [SHIPPING, NOTIFICATION] {
        stage.kill(name).await;
        stage.start(name).await;
    }

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.parcels, tally.letters), (2, 2, 2));
    let home = Stage::person("eva", "AT").address;
    assert!(stage.outside().carrier.parcels().iter().all(|parcel| parcel.address == home));
    assert_eq!(stage.given_up().await.len(), ends, "what nobody can read is set aside again");
    stage.write_off(ends);
    // In words of today, for the auditor.
    stage.customer("eva", "AT").await;
}

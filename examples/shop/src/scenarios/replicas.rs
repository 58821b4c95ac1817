//! Copies of other services' data: they outlive their owner, and only move forward.

use crate::contracts::{CUSTOMERS, Customer, CustomerErased, CustomerUpserted, Status};
use crate::stage::Stage;

/// C6: "kill Customer: 100 purchases still ship to the right address, zero outbound calls". Nobody has
/// asked it for anything, whether it was there or not.
pub async fn c06_customers_are_gone(stage: &mut Stage) {
    stage.stock("ipad", 100).await;
    let buyer = |buyer| {
        let mut customer = Stage::person(&format!("buyer-{buyer}"), "AT");
        customer.address.line1 = format!("Ring {buyer}");
        customer
    };
    stage.save_all((0..100).map(buyer).collect()).await;
    stage.kill(CUSTOMERS).await;

    for buyer in 0..100 {
        stage.buy(&buyer.to_string(), &format!("buyer-{buyer}"), 1).await;
    }

    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.parcels, tally.letters), (100, 100, 100));
    let shipments = stage.books().await.shipments;
    for parcel in stage.outside().carrier.parcels() {
        let order = shipments.iter().find(|(_, row)| row.shipment_id == parcel.shipment_id);
        let order = order.expect("it is one of ours").0;
        assert_eq!(parcel.address.line1, format!("Ring {}", stage.called(order)));
    }
    assert_eq!(stage.asked(CUSTOMERS).await, 0, "nobody has called");
}

/// C6: "change an address while Customer is up → next shipment uses it".
pub async fn c06_a_customer_moves(stage: &mut Stage) {
    stage.stock("iphone", 5).await;
    let mut eva = Stage::person("eva", "AT");
    for (order, street) in [("1", "Ring 1"), ("2", "Ring 2")] {
        street.clone_into(&mut eva.address.line1);
        stage.save(eva.clone()).await;
        stage.place(order, Stage::basket("eva", 1, "iphone")).await;
        assert_eq!(stage.end_of(order).await, Status::Shipped);

        let shipment = stage.books().await.shipments[&stage.number(order)].shipment_id.clone();
        let parcels = stage.outside().carrier.parcels();
        let parcel = parcels.iter().find(|parcel| parcel.shipment_id == shipment);
        assert_eq!(parcel.expect("the carrier has it").address.line1, street);
    }
}

/// C7: "feed v3, v1, v2: view stays at v3. Tombstone → row gone and PII absent". A parcel goes where
/// the newest version says.
pub async fn c07_copies_move_forward(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    for version in [3, 1, 2] {
        stage.say(&upserted(version)).await;
        stage.quiet().await;
    }

    stage.buy("1", "eva", 1).await;

    assert_eq!(stage.end_of("1").await, Status::Shipped);
    assert_eq!(stage.outside().carrier.parcels()[0].address.line1, "Ring 3");
    assert_eq!(stage.quiet().await.letters, 1);

    stage.say(&CustomerErased { customer_id: "eva".to_owned() }).await;
    stage.quiet().await;
    let books = stage.books().await;
    assert!(books.addresses.is_empty() && books.contacts.is_empty());
}

fn upserted(version: u64) -> CustomerUpserted {
    let Customer { customer_id, name, email, mut address, level } = Stage::person("eva", "AT");
    address.line1 = format!("Ring {version}");
    CustomerUpserted { customer_id, name, email, address, level, version }
}

//! The forgeries: one row or one message each.

use crate::audit::forger::{edit, message, rewrite, say_again, say_by};
use ballet::clock::Time;
use ballet::id::derived;
use ballet::store::{DeadLetter, LaneId};
use ballet::{Key, Message};
use shop::audit::Books;
use shop::contracts::{
    Finding, Mode, NotificationSent, OrderCancelled, OrderPaid, OrderShipped, OrderValidation,
    Reason, ReservationExpired, Status, StockLevel, StockReleased,
};
use shop::fakes::{Held, Parcel};
use shop::inventory::{Kept, Reservation};
use shop::orders::Wish;
use shop::payments::{self, Payment};
use shop::shipping::{self, Shipment};

/// A forgery, and who must name it.
pub struct Case {
    /// The invariant that it breaks.
    pub invariant: &'static str,
    /// What the breach must tell of.
    pub about: &'static str,
    /// The invariants that look at the same row, and cannot but name it too.
    pub also: &'static [&'static str],
    /// Changes one row or one message.
    pub forge: fn(&mut Books),
}

const fn case(
    invariant: &'static str,
    about: &'static str,
    also: &'static [&'static str],
    forge: fn(&mut Books),
) -> Case {
    Case { invariant, about, also, forge }
}

/// At least one for each invariant.
pub const CASES: &[Case] = &[
    case("stock", "ipad", &[], |books| {
        *reservation(books, "happy").needs.get_mut("ipad").expect("it is kept") += 1;
    }),
    case("stock", "ipad", &["counted"], |books| shelf(books).on_hand -= 1),
    case("reserved", "ipad", &["counted"], |books| shelf(books).reserved += 1),
    case("reserved", "ipad", &["effects", "nothing-open"], |books| {
        reservation(books, "far").status = Kept::Reserved;
    }),
    case("counted", "ipad", &[], |books| {
        let last = books.shelves["ipad"].version;
        for said in named(books, "stock.counted") {
            edit(said, |level: &mut StockLevel| {
                level.on_hand += i64::from(level.version == last);
            });
        }
    }),
    case("dispatched", "happy", &[], |books| books.parcels.clear()),
    case("dispatched", "happy", &[], |books| {
        let again = books.parcels[0].clone();
        books.parcels.push(again);
    }),
    case("dispatched", "s-7", &[], |books| {
        let again = Parcel { shipment_id: "s-7".to_owned(), ..books.parcels[0].clone() };
        books.parcels.push(again);
    }),
    case("money", "captured 109901", &["provider"], |books| {
        payment(books, "happy").bill.amount_minor += 1;
    }),
    case("money", "shipped 109901", &["published"], |books| {
        rewrite::<OrderShipped>(books, "happy", |said| said.order.total_minor += 1);
    }),
    case("provider", "far", &[], |books| payment(books, "far").bill.amount_minor += 1),
    case("provider", "far", &[], |books| {
        let (another, it) = (payment(books, "expired").auth_ref.clone(), payment(books, "far"));
        it.auth_ref = another;
    }),
    case("provider", "auth/stray", &[], |books| {
        let mut stray = authorization(books, "far").clone();
        stray.held = Held::Open;
        stray.settled_by.clear();
        books.authorizations.insert("auth/stray".to_owned(), stray);
    }),
    case("settled-once", "Captured", &[], |books| {
        authorization(books, "happy").settled_by.push("another".to_owned());
    }),
    case("settled-once", "Voided", &[], |books| authorization(books, "far").settled_by.clear()),
    case("history", "happy", &["published"], |books| {
        order(books, "happy").history.swap(1, 2);
    }),
    case("history", "far", &["published"], |books| order(books, "far").order.version += 1),
    case("published", "happy", &[], |books| {
        rewrite::<OrderPaid>(books, "happy", |said| said.order.version += 1);
    }),
    case("published", "far", &[], |books| {
        rewrite::<OrderCancelled>(books, "far", |said| said.order.total_minor += 1);
    }),
    case("one-end", "far", &["history", "published"], |books| {
        order(books, "far").order.status = Status::Valid;
    }),
    case("one-end", "nobody", &["published"], |books| {
        say_again::<OrderCancelled>(books, "nobody");
    }),
    case("not-both", "expired", &["dispatched", "effects"], |books| {
        shipment(books, "expired").stage = shipping::Stage::Dispatched;
    }),
    case("not-both", "far", &["effects", "stock"], |books| {
        reservation(books, "far").status = Kept::Committed;
    }),
    case("nothing-open", "happy", &[], |books| {
        let (reason, by) = (Reason::CustomerCancelled, "customer".to_owned());
        order(books, "happy").pending_cancel = Some(Wish { reason, by });
    }),
    case("nothing-open", "far", &["effects", "provider"], |books| {
        payment(books, "far").stage = payments::Stage::Authorized;
    }),
    case("effects", "greedy", &[], |books| {
        let kept = reservation(books, "far").clone();
        books.reservations.insert("greedy".to_owned(), kept);
    }),
    case("effects", "far", &[], |books| say_again::<StockReleased>(books, "far")),
    case("checked-once", "happy", &[], |books| say_again::<OrderValidation>(books, "happy")),
    case("verdicts", "happy", &[], |books| turn(books, "happy", "details", Finding::Fail)),
    case("verdicts", "greedy", &[], |books| turn(books, "greedy", "inventory", Finding::Pass)),
    case("letters", "happy", &[], |books| {
        books.posted.remove("happy:shipped");
    }),
    case("letters", "far", &[], |books| {
        books.sent.remove(&("far".to_owned(), "cancelled".to_owned()));
    }),
    case("letters", "nobody", &[], |books| {
        let letter = books.posted["far:cancelled"].clone();
        books.posted.insert("nobody:cancelled".to_owned(), letter);
    }),
    case("letters", "happy", &[], |books| {
        let letter = books.posted["happy:shipped"].clone();
        books.posted.insert("happy:invalid".to_owned(), letter);
    }),
    case("letters", "eve@shop.example", &[], |books| {
        let letter = books.posted.get_mut("happy:shipped").expect("it was posted");
        letter.to = "eve@shop.example".to_owned();
    }),
    case("alerts", "fickle: order_overdue", &[], |books| {
        alert(books, "order_overdue").settled_at = None;
    }),
    case("alerts", "fickle: reservation_expired", &[], |books| {
        books.alerts.remove(&("fickle".to_owned(), "reservation_expired".to_owned()));
    }),
    case("alerts", "happy: order_overdue", &[], |books| {
        let stray = *alert(books, "order_overdue");
        books.alerts.insert(("happy".to_owned(), "order_overdue".to_owned()), stray);
    }),
    case("alerts", "happy: reservation_expired", &[], |books| {
        let stray = *alert(books, "reservation_expired");
        books.alerts.insert(("happy".to_owned(), "reservation_expired".to_owned()), stray);
    }),
    case("effects", "fickle", &[], |books| say_again::<ReservationExpired>(books, "fickle")),
    case("causes", "order.paid", &[], |books| {
        message::<OrderPaid>(books, "happy").envelope_mut().causation = Some(derived(&["nothing"]));
    }),
    case("causes", "order.paid", &[], |books| {
        message::<OrderPaid>(books, "happy").envelope_mut().causation = None;
    }),
    case("causes", "order.cancelled", &[], |books| {
        message::<OrderCancelled>(books, "far").envelope_mut().causation = None;
    }),
    case("causes", "stock.counted", &[], |books| {
        message::<StockLevel>(books, "far").envelope_mut().causation = None;
    }),
    case("causes", "order.shipped", &[], |books| {
        message::<OrderShipped>(books, "happy").envelope_mut().hop = 1;
    }),
    case("one-writer", "eve", &[], |books| {
        let last = last_letter(books);
        say_by::<NotificationSent>(books, &last, "eve");
    }),
    case("edges", "missing", &[], |books| {
        let shadow = |said: &Message| {
            said.envelope.stamp.as_ref().is_some_and(|stamp| stamp.source == "fraud-v2")
        };
        let first = books.messages.iter().position(shadow).expect("it watches");
        books.messages.remove(first);
    }),
    case("edges", "came twice", &[], |books| {
        let mut again = message::<OrderPaid>(books, "happy").clone();
        again.body = b"{}".to_vec().into();
        books.messages.push(again);
    }),
    case("edges", "is not number", &[], |books| {
        let stamp = &mut message::<StockReleased>(books, "far").envelope_mut().stamp;
        stamp.as_mut().expect("it is ours").seq += 100;
    }),
    case("views", "happy", &[], |books| {
        books.addresses.get_mut("happy").expect("it is known").version += 1;
    }),
    case("views", "far", &[], |books| {
        books.contacts.remove("far");
    }),
    case("dead-letters", "out of luck", &[], |books| {
        books.dead_letters.push(DeadLetter {
            id: derived(&["a dead letter"]),
            lane: LaneId::new("orders", 0),
            key: Key::new("happy"),
            reason: "out of luck".to_owned(),
            at: Time::default(),
            attempts: 1,
            body: Vec::new().into(),
        });
    }),
];

fn order<'a>(books: &'a mut Books, order_id: &str) -> &'a mut shop::orders::Row {
    books.orders.get_mut(order_id).expect("it was placed")
}

fn shelf(books: &mut Books) -> &mut shop::inventory::Shelf {
    books.shelves.get_mut("ipad").expect("there is one")
}

fn reservation<'a>(books: &'a mut Books, order_id: &str) -> &'a mut Reservation {
    books.reservations.get_mut(order_id).expect("it was kept")
}

fn alert<'a>(books: &'a mut Books, trouble: &str) -> &'a mut shop::alerts::Alert {
    let key = ("fickle".to_owned(), trouble.to_owned());
    books.alerts.get_mut(&key).expect("it was raised")
}

fn payment<'a>(books: &'a mut Books, order_id: &str) -> &'a mut Payment {
    books.payments.get_mut(order_id).expect("it was asked for")
}

fn shipment<'a>(books: &'a mut Books, order_id: &str) -> &'a mut Shipment {
    books.shipments.get_mut(order_id).expect("it was made ready")
}

fn authorization<'a>(books: &'a mut Books, payer: &str) -> &'a mut shop::fakes::Authorization {
    let mut all = books.authorizations.values_mut();
    all.find(|known| known.payer == payer).expect("the provider knows it")
}

fn named<'a>(books: &'a mut Books, fact: &'a str) -> impl Iterator<Item = &'a mut Message> {
    books.messages.iter_mut().filter(move |said| said.envelope.name == fact)
}

/// Changes the verdict of a check that counts.
fn turn(books: &mut Books, order_id: &str, check: &str, verdict: Finding) {
    for said in named(books, "order.checked") {
        edit(said, |said: &mut OrderValidation| {
            if said.order_id == order_id && said.check == check && said.mode == Mode::Gating {
                said.verdict = verdict;
            }
        });
    }
}

/// The order of a letter that is the last on its edge.
fn last_letter(books: &mut Books) -> String {
    let number = |said: &&mut Message| said.envelope.stamp.as_ref().map(|stamp| stamp.seq);
    let last = named(books, "notification.sent").max_by_key(number);
    last.expect("there are letters").envelope.correlation.to_string()
}

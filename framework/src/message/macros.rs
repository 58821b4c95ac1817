//! `topic!` and `service!`: a contract on one screen.

/// Declares a topic and its events: one table a topic.
///
/// The events are plain structs that stand elsewhere; `key` names the field that all of them have.
/// After the name of the topic may stand `many writers` and `compacted`.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderCreated { order_id: String }
///
/// ballet::topic! {
///     /// What Orders says.
///     pub ORDERS = "shop.orders.v1", key order_id { OrderCreated = "order.created" }
/// }
/// assert_eq!(<OrderCreated as ballet::Event>::TOPIC.name, "shop.orders.v1");
/// ```
#[macro_export]
macro_rules! topic {
    (@ $topic:expr;) => { $topic };
    (@ $topic:expr; many writers) => { $topic.many_writers() };
    (@ $topic:expr; compacted) => { $topic.compacted() };
    (
        $(#[$doc:meta])*
        $vis:vis $topic:ident = $name:literal $($flag:ident)* $(, partitions $count:literal)?,
        key $key:ident { $($event:ident = $ename:literal $(v $version:literal)?),* $(,)? }
    ) => {
        $(#[$doc])*
        $vis const $topic: $crate::Topic =
            $crate::topic!(@ $crate::Topic::new($name)$(.partitions($count))?; $($flag)*);
        $(impl $crate::Event for $event {
            const NAME: &'static str = $ename;
            $(const VERSION: u32 = $version;)?
            const TOPIC: $crate::Topic = $topic;
            fn key(&self) -> $crate::Key {
                $crate::Key::from(&self.$key)
            }
        })*
    };
}

/// Declares a service and the commands it answers: one table a service.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct ReserveStock { order_id: String }
/// #[derive(Serialize, Deserialize)]
/// struct StockHeld { hold: String }
///
/// ballet::service! {
///     /// What Inventory may be asked.
///     pub INVENTORY = "inventory" { ReserveStock = "stock.reserve" -> StockHeld }
/// }
/// assert_eq!(<ReserveStock as ballet::Command>::TO, INVENTORY);
/// ```
#[macro_export]
macro_rules! service {
    (
        $(#[$doc:meta])*
        $vis:vis $service:ident = $name:literal {
            $($command:ident = $cname:literal $(v $version:literal)? -> $reply:ty),* $(,)?
        }
    ) => {
        $(#[$doc])*
        $vis const $service: &str = $name;
        $(impl $crate::Command for $command {
            const NAME: &'static str = $cname;
            $(const VERSION: u32 = $version;)?
            const TO: &'static str = $name;
            type Reply = $reply;
        })*
    };
}

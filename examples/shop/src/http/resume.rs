//! What earlier lives have accepted, taken up.
//!
//! An inbox is taken in order. So in a lane a request is put behind all that is there, one that changes
//! nothing: to cancel an order that nobody can have.

use crate::contracts::CancelOrder;
use crate::http::desk::Desk;
use ballet::clock::rest;
use ballet::id::fresh;
use ballet::{Error, Key};
use std::sync::Arc;
use std::time::Duration;

/// How long to look away between two tries.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long to wait at a time for what earlier lives have left.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits, so long, until a lane of Orders has taken up whatever is in its inbox now.
pub(super) async fn taken_up(desk: &Desk, lane: u32, within: Duration) -> Result<bool, Error> {
    let texts = (0..).map(|number: u32| format!("nobody's/{number}"));
    let mut of_lane = texts.filter(|text| Key::new(&**text).partition(desk.lanes()) == lane);
    let Some(order_id) = of_lane.next() else { return Ok(true) };
    let (key, ask) = (format!("resume/{}/{lane}", fresh()), CancelOrder { order_id });
    Ok(desk.ask(&key, &ask.order_id, &ask, within).await?.is_some())
}

/// Waits until Orders has taken up whatever earlier lives have accepted, and counts what is under way of
/// it.
pub(super) async fn resume(desk: Arc<Desk>) {
    let waiting = async {
        for lane in 0..desk.lanes() {
            while !matches!(taken_up(&desk, lane, PATIENCE).await, Ok(true)) {
                rest(BETWEEN).await;
            }
        }
        while desk.count_open().await.is_err() {
            rest(BETWEEN).await;
        }
    };
    tokio::select! {
        () = waiting => { desk.resumed.send_replace(true); }
        () = desk.closed() => {}
    }
}

//! Waiting for what must come, and no longer.

use crate::contracts::{Customer, OrderValidation, Status};
use crate::fakes::Held;
use crate::stage::{Stage, Tally};
use std::fmt::Display;

impl Stage {
    /// Waits until it is so.
    ///
    /// # Panics
    ///
    /// If it never is.
    pub async fn until(&mut self, what: impl Display, is_so: impl AsyncFn(&Self) -> bool) {
        let moment = self.house.a_moment();
        for _ in 0..self.house.patience().as_millis() / moment.as_millis() {
            if is_so(self).await {
                return;
            }
            self.pass(moment).await;
            self.house.bury().await;
        }
        let (tally, given_up) = (self.tally().await, self.given_up().await);
        panic!("it never is so that {what}: {tally:?}; given up: {given_up:#?}; {:#?}", self.house);
    }

    /// Waits until an order stands there.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn until_it_is(&mut self, status: Status, order_id: &str) {
        self.until(format_args!("{order_id} is {status:?}"), async |stage| {
            stage.order(order_id).await.order.status == status
        })
        .await;
    }

    /// Waits until a fact was said of an order.
    ///
    /// # Panics
    ///
    /// If it never is.
    pub async fn until_said(&mut self, order_id: &str, fact: &str) {
        self.until(format_args!("{fact} is said of {order_id}"), async |stage| {
            stage.times_said(order_id, fact).await > 0
        })
        .await;
    }

    /// Waits until a validator has said what it thinks of an order.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn until_checked(&mut self, order_id: &str, validator: &str) {
        self.until(format_args!("{validator} has looked at {order_id}"), async |stage| {
            let said = stage.said::<OrderValidation>(order_id).await;
            said.iter().any(|said| said.validator == validator)
        })
        .await;
    }

    /// Waits until an operator should look at this, and at nothing else.
    ///
    /// # Panics
    ///
    /// If that never comes.
    pub async fn until_alerts_are(&mut self, alerts: &[&str]) {
        self.until(format_args!("alerts are {alerts:?}"), async |stage| {
            stage.alerts().await == alerts
        })
        .await;
    }

    /// Waits until so many messages were given up.
    ///
    /// # Panics
    ///
    /// If they never are.
    pub async fn until_given_up(&mut self, letters: usize) {
        self.until(format_args!("{letters} messages are given up"), async |stage| {
            stage.given_up().await.len() == letters
        })
        .await;
    }

    /// Waits until the provider keeps money ready, and no moment longer.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub async fn until_money_is_held(&self) {
        for _ in 0..super::A_DAY.as_secs() {
            if self.outside().provider.count(Held::Open) > 0 {
                return;
            }
            self.house.blink().await;
        }
        panic!("no money is held: {:?}", self.tally().await);
    }

    /// Waits until everybody who keeps a copy of a customer has heard of them.
    ///
    /// # Panics
    ///
    /// If they never do.
    pub async fn until_known(&mut self, customer: &Customer) {
        let what = format_args!("{} is known", customer.customer_id);
        self.until(what, async |stage| stage.is_known(customer).await).await;
    }

    /// Waits until every order has come to an end and nobody says anything any more; the shop in
    /// numbers then.
    ///
    /// # Panics
    ///
    /// If that never comes.
    pub async fn quiet(&mut self) -> Tally {
        let (mut said, mut since) = (0, 0);
        let moment = self.house.a_moment();
        let most = self.house.patience().as_millis() / moment.as_millis();
        for now in 0..u32::try_from(most).unwrap_or(u32::MAX) {
            self.pass(moment).await;
            self.house.bury().await;
            let appended = self.appended().await;
            if said != appended || self.house.is_busy().await {
                (said, since) = (appended, now);
            } else if now - since >= self.house.quiet() && self.tally().await.open == 0 {
                return self.tally().await;
            }
        }
        let (tally, given_up) = (self.tally().await, self.given_up().await);
        panic!("no end: {tally:?}; given up: {given_up:#?}; {:#?}", self.house);
    }
}

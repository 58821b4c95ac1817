//! What may be set: deadlines, windows, limits, prices.
//!
//! Plans and tables of reactions are made without a `self`, so what they need of the settings is
//! one value of the process, read from the environment when it is first asked for.

use crate::contracts::Sku;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

/// Everything that may be set, each with a default and a variable `SHOP_<NAME>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long the checks may take before an order is given up: `VALIDATION_WAIT_MS`.
    pub validation_wait: Duration,
    /// How long payment and parcel may take after that: `PAYMENT_WAIT_MS`.
    pub payment_wait: Duration,
    /// How long Shipping waits for a customer it has not heard of: `CUSTOMER_WAIT_MS`. Shorter than
    /// the wait for payment and parcel, so that Shipping is the one who says so.
    pub customer_wait: Duration,
    /// How long a customer must be quiet before attempts are forgotten: `FRAUD_WINDOW_MS`.
    pub fraud_window: Duration,
    /// How long to rest at most between two attempts of what fails: `ATTEMPT_REST_MS`.
    pub attempt_rest: Duration,
    /// How often to look for requests that another process has taken in: `REQUEST_LOOK_MS`.
    pub request_look: Duration,
    /// What a customer may try to spend before that, in minor units: `FRAUD_LIMIT_MINOR`.
    pub fraud_limit_minor: i64,
    /// The same for the validator that only watches: `FRAUD_SHADOW_LIMIT_MINOR`.
    pub fraud_shadow_limit_minor: i64,
    /// How many pieces of one thing an order may ask for: `QTY_MAX`.
    pub qty_max: i64,
    /// How many iPads a customer may buy in a day: `IPADS_A_DAY`.
    pub ipads_a_day: i64,
    /// The one currency.
    pub currency: &'static str,
    /// What is sold, and for how much in minor units.
    pub catalogue: BTreeMap<Sku, i64>,
    /// Where Shipping goes.
    pub countries: &'static [&'static str],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            validation_wait: Duration::from_secs(5 * 60),
            payment_wait: Duration::from_secs(5 * 60),
            customer_wait: Duration::from_secs(2 * 60),
            fraud_window: Duration::from_secs(60 * 60),
            attempt_rest: Duration::from_secs(10),
            request_look: Duration::from_millis(200),
            fraud_limit_minor: 200_000,
            fraud_shadow_limit_minor: 150_000,
            qty_max: 20,
            ipads_a_day: 2,
            currency: "USD",
            catalogue: [("ipad".to_owned(), 109_900), ("iphone".to_owned(), 99_900)].into(),
            countries: &["AT", "CH", "DE", "US"],
        }
    }
}

impl Settings {
    /// How long an order may take to be paid before it is given up.
    #[must_use]
    pub fn order_deadline(&self) -> Duration {
        self.validation_wait + self.payment_wait
    }

    /// After how long an order that has not come to an end is one for an operator: a quarter more
    /// than it may take, so that nobody is called for what settles by itself.
    #[must_use]
    pub fn overdue(&self) -> Duration {
        self.order_deadline() * 5 / 4
    }

    /// How long stock may be kept before somebody should look: longer than any order may take.
    #[must_use]
    pub fn reservation_ttl(&self) -> Duration {
        2 * self.order_deadline()
    }

    /// The variables, one a line: its name, what it sets, and what holds without it.
    #[must_use]
    pub fn help() -> String {
        let usual = Self::default();
        let ms = |length: Duration| length.as_millis().to_string();
        let lines = [
            ("VALIDATION_WAIT_MS", "how long the checks may take", ms(usual.validation_wait)),
            ("PAYMENT_WAIT_MS", "how long payment and parcel may take", ms(usual.payment_wait)),
            ("CUSTOMER_WAIT_MS", "how long a customer may be unknown", ms(usual.customer_wait)),
            ("FRAUD_WINDOW_MS", "how long attempts are remembered", ms(usual.fraud_window)),
            ("ATTEMPT_REST_MS", "the longest rest between two attempts", ms(usual.attempt_rest)),
            ("REQUEST_LOOK_MS", "how often to look for others' requests", ms(usual.request_look)),
            ("FRAUD_LIMIT_MINOR", "what may be tried in that time", text(usual.fraud_limit_minor)),
            (
                "FRAUD_SHADOW_LIMIT_MINOR",
                "the same of the check that only watches",
                text(usual.fraud_shadow_limit_minor),
            ),
            ("QTY_MAX", "how many of one thing in an order", text(usual.qty_max)),
            ("IPADS_A_DAY", "how many iPads a customer, if required", text(usual.ipads_a_day)),
        ];
        let line = |(name, what, usual): &(&str, &str, String)| {
            format!("  {:<30} {what:<40} {usual}\n", format!("SHOP_{name}"))
        };
        lines.iter().map(line).collect::<String>().trim_end().to_owned()
    }

    /// The defaults, and what the variables say otherwise.
    ///
    /// # Errors
    ///
    /// A sentence about the first variable that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, default: i64| match variable(&format!("SHOP_{name}")) {
            None => Ok(default),
            Some(text) => text.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(|| {
                format!("SHOP_{name} is `{text}`: set it to a whole number, or not at all")
            }),
        };
        let while_ = |name: &str, default: Duration| {
            let default = i64::try_from(default.as_millis()).unwrap_or(i64::MAX);
            number(name, default).map(|ms| Duration::from_millis(ms.unsigned_abs()))
        };
        let usual = Self::default();
        let set = Self {
            validation_wait: while_("VALIDATION_WAIT_MS", usual.validation_wait)?,
            payment_wait: while_("PAYMENT_WAIT_MS", usual.payment_wait)?,
            customer_wait: while_("CUSTOMER_WAIT_MS", usual.customer_wait)?,
            fraud_window: while_("FRAUD_WINDOW_MS", usual.fraud_window)?,
            attempt_rest: while_("ATTEMPT_REST_MS", usual.attempt_rest)?,
            request_look: while_("REQUEST_LOOK_MS", usual.request_look)?,
            fraud_limit_minor: number("FRAUD_LIMIT_MINOR", usual.fraud_limit_minor)?,
            fraud_shadow_limit_minor: number(
                "FRAUD_SHADOW_LIMIT_MINOR",
                usual.fraud_shadow_limit_minor,
            )?,
            qty_max: number("QTY_MAX", usual.qty_max)?,
            ipads_a_day: number("IPADS_A_DAY", usual.ipads_a_day)?,
            ..usual
        };
        match set.customer_wait < set.payment_wait {
            true => Ok(set),
            false => Err("SHOP_CUSTOMER_WAIT_MS must be less than SHOP_PAYMENT_WAIT_MS: \
                          otherwise nobody says that the customer is unknown"
                .to_owned()),
        }
    }
}

fn text(number: i64) -> String {
    number.to_string()
}

/// The settings of this process.
///
/// # Panics
///
/// If a variable cannot be used: it is better not to start than to guess.
pub fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(why) => panic!("{why}"),
    })
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn read(name: &str, value: &str) -> Result<Settings, String> {
        Settings::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn what_is_not_set_is_as_usual() {
        assert_eq!(Settings::read(|_| None), Ok(Settings::default()));
    }

    #[test]
    fn every_variable_that_is_read_is_in_the_help_and_no_other() {
        let read = RefCell::new(BTreeSet::new());
        let none = |name: &str| {
            read.borrow_mut().insert(name.to_owned());
            None
        };
        Settings::read(none).unwrap();
        let help = Settings::help();
        let told = help.lines().filter_map(|line| line.split_whitespace().next());
        assert_eq!(told.map(str::to_owned).collect::<BTreeSet<_>>(), read.into_inner());
    }

    #[test]
    fn a_variable_changes_its_setting() {
        let set = read("SHOP_VALIDATION_WAIT_MS", "700").unwrap();
        assert_eq!(set.validation_wait, Duration::from_millis(700));
        assert_eq!(read("SHOP_FRAUD_LIMIT_MINOR", "7").unwrap().fraud_limit_minor, 7);
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named() {
        let why = read("SHOP_QTY_MAX", "many").unwrap_err();
        assert_eq!(why, "SHOP_QTY_MAX is `many`: set it to a whole number, or not at all");
        assert!(read("SHOP_CUSTOMER_WAIT_MS", "300000").unwrap_err().contains("must be less"));
    }
}

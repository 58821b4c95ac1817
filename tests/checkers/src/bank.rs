//! The bank: money is moved, and never made or lost (I9), and no account is moved twice by one transfer (I3).

use crate::History;

/// What must be true.
pub const LAW: &str = "The accounts hold together what they held at first, none is below zero, and each leg of \
                       a transfer is moved once, or moved and moved back.";

/// Goes through the accounts and the ledger.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let Some(bank) = &history.bank else { return Vec::new() };
    let mut found = Vec::new();
    let total: i64 = bank.accounts.values().sum();
    if total != bank.endowment {
        found.push(format!("the accounts hold {total}, and held {} at first", bank.endowment));
    }
    let below = bank.accounts.iter().filter(|(_, cents)| **cents < 0);
    found.extend(below.map(|(account, cents)| format!("account `{account}` holds {cents}")));
    for (leg, moved) in &bank.ledger {
        let (mut sum, mut amount) = (0, None);
        for cents in moved {
            sum += cents;
            let amount = *amount.get_or_insert(*cents);
            if sum != 0 && sum != amount {
                found.push(format!("`{leg}` moved {moved:?}: that is twice"));
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::{Bank, History};

    fn bank(accounts: &[(&str, i64)], moved: &[i64]) -> Vec<String> {
        let accounts = accounts.iter().map(|(name, cents)| ((*name).to_owned(), *cents)).collect();
        let ledger = [("transfer/7/debit".to_owned(), moved.to_vec())].into();
        let bank = Some(Bank { endowment: 100, accounts, ledger });
        check(&History { bank, ..History::default() })
    }

    #[test]
    fn a_bank_whose_books_are_right_is_left_alone() {
        assert_eq!(bank(&[("a", 30), ("b", 70)], &[-5]), [""; 0]);
        assert_eq!(bank(&[("a", 0), ("b", 100)], &[-5, 5, -5, 5]), [""; 0]);
        assert_eq!(check(&History::default()), [""; 0]);
    }

    #[test]
    fn money_that_is_made_is_seen() {
        assert_eq!(
            bank(&[("a", 30), ("b", 71)], &[]),
            ["the accounts hold 101, and held 100 at first"]
        );
    }

    #[test]
    fn an_account_below_zero_is_named() {
        assert_eq!(bank(&[("a", -1), ("b", 101)], &[]), ["account `a` holds -1"]);
    }

    #[test]
    fn a_leg_that_is_moved_twice_is_named() {
        let twice = |moved: &str| format!("`transfer/7/debit` moved {moved}: that is twice");
        assert_eq!(bank(&[("a", 100)], &[-5, -5]), [twice("[-5, -5]")]);
        assert_eq!(bank(&[("a", 100)], &[-5, 5, 5]), [twice("[-5, 5, 5]")]);
    }
}

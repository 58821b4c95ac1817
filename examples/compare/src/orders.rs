//! The orders of a run: drawn from a seed, or read from a file.

use shop::contracts::Line;
use shop::order::NewOrder;
use std::io::Read;
use std::path::PathBuf;

/// Where the orders come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Drawn from a seed.
    Drawn { purchases: usize, seed: u64 },
    /// Read from a file; `-` is standard input.
    Read(PathBuf),
}

/// An order with what must be known beside it.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub order_id: String,
    pub order: NewOrder,
    /// Where the customer lives.
    pub country: &'static str,
    /// Whether the provider declines the customer's card.
    pub declined: bool,
}

impl Wanted {
    /// Whether nothing speaks against it.
    pub fn is_plain(&self) -> bool {
        let fits =
            |line: &Line| line.sku == "ipad" && line.qty == 1 && line.unit_price_minor == 109_900;
        !self.declined && self.country == "AT" && self.order.lines.iter().all(fits)
    }
}

/// How many iPhones are on the shelf: fewer than are asked for.
pub const IPHONES: i64 = 3;

/// A small generator of numbers (xorshift64*, Vigna 2016): the same seed, the same orders.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

fn basket(customer: &str, sku: &str, qty: i64, price: i64) -> NewOrder {
    NewOrder {
        customer_id: customer.to_owned(),
        lines: vec![Line { sku: sku.to_owned(), qty, unit_price_minor: price }],
        total_minor: qty * price,
        currency: "USD".to_owned(),
    }
}

/// An order of one iPad, against which nothing speaks unless the card is declined.
pub fn of_an_ipad(at: u64, declined: bool) -> Wanted {
    let order = basket(&format!("c{at}"), "ipad", 1, 109_900);
    Wanted { order_id: format!("order-{at}"), order, country: "AT", declined }
}

/// What a customer wants, by the roll of a die of a hundred sides.
fn drawn(at: usize, roll: u64) -> Wanted {
    let customer = format!("c{at}");
    let (mut country, mut declined) = ("AT", false);
    let order = match roll {
        0..70 => basket(&customer, "ipad", 1, 109_900),
        70..78 => {
            declined = true;
            basket(&customer, "ipad", 1, 109_900)
        }
        78..84 => {
            country = "XX";
            basket(&customer, "ipad", 1, 109_900)
        }
        84..90 => basket(&customer, "ipad", 1, 100),
        90..95 => basket(&customer, "ipad", 2, 109_900),
        _ => basket(&customer, "iphone", 1, 99_900),
    };
    Wanted { order_id: format!("order-{at}"), order, country, declined }
}

/// The orders, and what could not be read, each with its line.
pub fn gather(source: &Source) -> Result<(Vec<Wanted>, Vec<String>), String> {
    match source {
        Source::Drawn { purchases, seed } => {
            let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
            Ok(((0..*purchases).map(|at| drawn(at, dice.roll(100))).collect(), Vec::new()))
        }
        Source::Read(file) => {
            let read = match file.as_os_str() == "-" {
                true => read(std::io::stdin().lock()),
                false => std::fs::File::open(file).and_then(read),
            };
            let unread =
                |told| format!("the orders in `{}` cannot be read: {told}", file.display());
            read.map_err(unread)
        }
    }
}

/// Orders, one a line, and the lines that are none.
fn read(from: impl Read) -> std::io::Result<(Vec<Wanted>, Vec<String>)> {
    let (mut orders, mut faults) = (Vec::new(), Vec::new());
    for line in shop::order::lines(from) {
        match line? {
            (number, Ok(order)) => orders.push(Wanted {
                order_id: format!("line-{number}"),
                order,
                country: "AT",
                declined: false,
            }),
            (number, Err(told)) => faults.push(format!("line {number}: {told}")),
        }
    }
    Ok((orders, faults))
}

#[cfg(test)]
mod tests {
    use super::{Source, gather, read};

    #[test]
    fn the_same_seed_draws_the_same_orders() {
        let draw = |seed| {
            let drawn = gather(&Source::Drawn { purchases: 50, seed }).unwrap().0;
            drawn.into_iter().map(|wanted| format!("{wanted:?}")).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_bad_line_is_told_with_its_number_and_the_others_go_on() {
        let good = r#"{"customer_id":"c1","lines":[{"sku":"ipad","qty":1,"unit_price_minor":109900}],"total_minor":109900,"currency":"USD"}"#;
        let mut text = format!("{good}\nnonsense\n\n{good}\n{{}}\n").into_bytes();
        text.extend(b"\xff\xfe\n");
        let (orders, faults) = read(&*text).unwrap();
        assert_eq!(orders.len(), 2);
        let told: Vec<&str> = faults.iter().filter_map(|told| told.split(": ").next()).collect();
        assert_eq!(told, ["line 2", "line 5", "line 6"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_waited_for() {
        let folder = std::env::temp_dir();
        let told = gather(&Source::Read(folder.clone())).unwrap_err();
        assert!(told.contains(&*folder.display().to_string()), "{told}");
    }
}

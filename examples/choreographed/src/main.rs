//! Runs the purchase by reactions.

fn main() {}

//! Runs the purchase with a coordinator.

fn main() {}

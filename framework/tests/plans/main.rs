//! A plan as a user writes it, without anybody who runs it: what its steps ask for, what they know, what is
//! run, and what is wrong with it.

#![allow(unreachable_pub)] // `pub` is what a module shows to its neighbours; there is nobody else.

mod knowledge;
mod shapes;
mod trip;

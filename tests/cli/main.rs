//! End to end: the real binary, real git, real processes, in a hermetic environment.

mod check;
mod environment;
mod host;
mod inspect;
mod proposals;
mod review;
mod run;
mod stop;

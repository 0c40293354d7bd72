//! The gate: rules as data, judged without I/O. The only constructor of [`Cleared`].

mod cleared;

pub use cleared::Cleared;

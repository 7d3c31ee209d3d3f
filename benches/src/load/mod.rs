//! The load bench: servers on one half of the cores, the load generator on the other.

pub mod client;
pub mod cores;
pub mod cpu;
pub mod machine;
pub mod origin;
pub mod report;
pub mod rival;
pub mod server;

//! What the benches share: a typical request, and the load generator with the servers it is pointed at.

pub mod load;
pub mod naive;
pub mod python;
pub mod site;
pub mod typical;

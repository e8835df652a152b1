//! The operator's tools: the audit of the coins in the tables, and the import of an earlier system's
//! balances.

pub mod audit;
pub mod import;

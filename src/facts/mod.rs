//! What the image, the engine and the kernel say: accounts, the mount table, where programs are. Parsers take text; nothing
//! here decides or changes.

pub mod accounts;
pub mod control_groups;
pub mod engine;
pub mod id_maps;
pub mod mounts;
pub mod processes;
pub mod programs;
pub mod secrets;
pub mod self_check;
pub mod writable;

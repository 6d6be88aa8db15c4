//! Facts from the image, the engine and the kernel: accounts, the mount table, programs, the files that a root step
//! reads, the version of Landlock. Parsers take text; nothing here changes anything.

pub mod accounts;
pub mod control_groups;
pub mod engine;
pub mod entries;
pub mod executable;
pub mod hindrance;
pub mod id_maps;
pub mod landlock;
pub mod listening;
pub mod mounts;
pub mod obeyed;
pub mod processes;
pub mod programs;
pub mod random;
pub mod secrets;
pub mod self_check;

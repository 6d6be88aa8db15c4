//! Names that nobody can have taken before. `getrandom(2)`.

use std::time::SystemTime;

use rustix::rand::{GetRandomFlags, getrandom};

/// A number that nobody can foresee: random, or the time in nanoseconds where the call is refused.
pub fn number() -> u128 {
    let mut random = [0_u8; 16];
    match getrandom(&mut random, GetRandomFlags::empty()) {
        Ok(length) if length == random.len() => u128::from_ne_bytes(random),
        _ => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos()),
    }
}

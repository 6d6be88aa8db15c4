//! No backtraces: part of the binary only, and only where a panic aborts.
//!
//! `/init` never panics; should it after all, the one line that says so is enough, and symbolising a stack is more than
//! a fifth of a static binary. The standard library walks a stack by these functions. That they are answered here, at
//! once, leaves the symboliser and the unwinder without a caller, and the linker drops them.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK` of the Itanium C++ ABI: there is no frame to look at.
const END_OF_STACK: c_int = 5;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_visit: *const c_void, _with: *mut c_void) -> c_int {
    END_OF_STACK
}

/// What the personality routine would ask of a frame. There are none, so nothing ever asks.
macro_rules! never_asked {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> usize {
                std::process::abort()
            }
        )*
    };
}

never_asked! {
    _Unwind_DeleteException _Unwind_FindEnclosingFunction _Unwind_GetCFA _Unwind_GetDataRelBase _Unwind_GetIP _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_RaiseException _Unwind_Resume
    _Unwind_SetGR _Unwind_SetIP
}

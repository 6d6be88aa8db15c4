//! Replaces the stack unwinder, where a panic aborts, so that the binary has no backtraces.
//!
//! `/init` never panics; if it did, the panic message would be enough, and the symboliser is more than a fifth of a
//! static binary. The standard library walks the stack with these functions. As they return at once, the symboliser and
//! the unwinder have no caller left, and the linker removes them.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK` of the Itanium C++ ABI: there is no frame to walk.
const END_OF_STACK: c_int = 5;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_visit: *const c_void, _with: *mut c_void) -> c_int {
    END_OF_STACK
}

/// Called by the personality routine for a frame. There are no frames, so they are never called.
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
    _Unwind_DeleteException _Unwind_FindEnclosingFunction
    _Unwind_GetCFA _Unwind_GetDataRelBase _Unwind_GetIP _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_RaiseException _Unwind_Resume
    _Unwind_SetGR _Unwind_SetIP
}

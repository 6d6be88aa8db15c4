//! For what the boot check finds.

//! What a component may take of the host.

/// How many handles a component instance may have. The component model allows 2²⁸ − 1, which would be gigabytes of the host's memory.
pub(crate) const HANDLES_MAX: usize = 1 << 20;

/// How much memory of the host the values of one call may take, in bytes: a list of small things in a guest is one of larger things here.
pub(crate) const LIFTED_BYTES_MAX: usize = 1 << 30;

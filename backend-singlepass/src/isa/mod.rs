//! The machines that code is made for: a folder each, with the same files. Nothing outside of this folder knows one.

mod x64;

/// The machine that [`Singlepass`](crate::Singlepass) makes code for.
pub(crate) type Target = x64::X64;

//! Waiting for descriptors.

pub(crate) use rustix::event::{PollFd, PollFlags, poll};
pub(crate) use rustix::io::ioctl_fionread;

//! Waiting for times and descriptors.

use crate::clocks::{host_monotonic_ns, timespec};
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::HostErrno;
use crate::host::clocks::Timespec;
use crate::host::files;
use crate::host::wait::{PollFd, poll};
use crate::readiness::{Direction, ready_now};
use crate::table::{Descriptor, Object};
use crate::types::FileType;

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Nothing: it is ready.
    Ready,
    /// Until the host's monotonic clock shows so many nanoseconds ([`WasiCtx::deadline`]).
    Deadline(u64),
    /// Until a descriptor is ready, which it is also if it cannot be waited for: the read or write that follows will say what it is.
    Descriptor(u32, Direction),
}

pub(crate) enum Target {
    /// Until the host's monotonic clock shows this.
    Deadline(u64),
    /// Until the host reports the descriptor.
    Host { fd: u32, direction: Direction },
    /// Nothing to wait for.
    Ready { bytes: u64 },
    /// Cannot be waited for. The other subscriptions still count, so this is an event and not a failure of the call.
    Failed(Errno),
}

impl WasiCtx {
    /// The time of the host's monotonic clock in so many nanoseconds from now, whatever clock the guest is shown.
    pub fn deadline(&self, wait_ns: u64) -> u64 {
        host_monotonic_ns().saturating_add(wait_ns)
    }

    /// Waits until at least one is ready, and returns the positions of those that are. Without any it waits for ever, or for the interrupt.
    pub fn wait(&self, sources: &[WaitFor]) -> WasiResult<Vec<u32>> {
        let targets: Vec<Target> = sources.iter().map(|source| self.target(*source)).collect();
        self.wait_until(targets.iter(), |polled| {
            let ready = ready_among(&targets, polled);
            (!ready.is_empty()).then_some(ready)
        })
    }

    /// Whether it is ready now.
    pub fn is_ready(&self, source: WaitFor) -> WasiResult<bool> {
        Ok(match self.target(source) {
            Target::Deadline(deadline) => deadline <= host_monotonic_ns(),
            Target::Ready { .. } | Target::Failed(_) => true,
            Target::Host { fd, direction } => ready_now(self.host_fd(fd, Errno::Badf)?, direction)?,
        })
    }

    fn target(&self, source: WaitFor) -> Target {
        match source {
            WaitFor::Ready => Target::Ready { bytes: 0 },
            WaitFor::Deadline(deadline) => Target::Deadline(deadline),
            WaitFor::Descriptor(fd, direction) => self.fd_target(fd, direction),
        }
    }

    pub(crate) fn fd_target(&self, fd: u32, direction: Direction) -> Target {
        let descriptor = match self.table.get(fd) {
            Ok(descriptor) => descriptor,
            Err(errno) => return Target::Failed(errno),
        };
        let open = match &descriptor.object {
            // A socket that waits for connections is readable when there is one.
            Object::Listener(..) => direction == Direction::Read,
            // A regular file is always ready, whatever it is open for.
            Object::File(file) if file.file_type == FileType::RegularFile => true,
            _ => descriptor.rights.contains(direction.right()),
        };
        if !open {
            return Target::Failed(Errno::Badf);
        }
        match &descriptor.object {
            Object::Reader(_) | Object::Writer(_) => Target::Ready { bytes: 1 },
            Object::Dir(_) => Target::Failed(Errno::Badf),
            Object::File(file) if file.file_type == FileType::RegularFile => Target::Ready {
                bytes: match direction {
                    Direction::Read => bytes_left(descriptor),
                    Direction::Write => 1,
                },
            },
            Object::File(_) | Object::Stream(_) | Object::Listener(..) => Target::Host { fd, direction },
        }
    }

    /// Waits until `answer` has one. It is given what the host said of those targets that are descriptors of the host, in their order, and
    /// asked as soon as a target is ready.
    pub(crate) fn wait_until<'t, R>(
        &self,
        targets: impl Iterator<Item = &'t Target> + Clone,
        mut answer: impl FnMut(&[PollFd<'_>]) -> Option<R>,
    ) -> WasiResult<R> {
        let mut polled = Vec::new();
        for target in targets.clone() {
            if let Target::Host { fd, direction } = *target {
                let host = self.host_fd(fd, Errno::Badf)?;
                polled.push(PollFd::from_borrowed_fd(host, direction.poll_flags()));
            }
        }
        loop {
            self.interrupt.check()?;
            let timeout = time_to_wait(targets.clone());
            let is_ready = timeout.is_some_and(|timeout| (timeout.tv_sec, timeout.tv_nsec) == (0, 0));
            let mut look = || poll(&mut polled, timeout.as_ref());
            let told = match is_ready {
                true if targets.clone().all(|target| !matches!(target, Target::Host { .. })) => Ok(0),
                true => look(),
                false => self.interrupt.block(look),
            };
            match told {
                Ok(_) => {}
                // The time left is computed anew.
                Err(HostErrno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if let Some(answer) = answer(&polled) {
                return Ok(answer);
            }
        }
    }
}

/// The positions of the targets that are ready.
fn ready_among(targets: &[Target], polled: &[PollFd<'_>]) -> Vec<u32> {
    let now = host_monotonic_ns();
    let mut polled = polled.iter();
    let mut is_ready = |target: &Target| match *target {
        Target::Deadline(deadline) => deadline <= now,
        Target::Ready { .. } | Target::Failed(_) => true,
        Target::Host { .. } => polled.next().is_some_and(|host| !host.revents().is_empty()),
    };
    (0..).zip(targets).filter_map(|(index, target)| is_ready(target).then_some(index)).collect()
}

/// How long to wait at most; `None` without a limit.
fn time_to_wait<'t>(targets: impl Iterator<Item = &'t Target>) -> Option<Timespec> {
    let now = host_monotonic_ns();
    targets
        .filter_map(|target| match *target {
            Target::Deadline(deadline) => Some(deadline.saturating_sub(now)),
            Target::Ready { .. } | Target::Failed(_) => Some(0),
            Target::Host { .. } => None,
        })
        .min()
        .map(timespec)
}

/// Bytes between the position and the end of a regular file.
fn bytes_left(descriptor: &Descriptor) -> u64 {
    let Some(host) = descriptor.host_fd() else {
        return 0;
    };
    let size = files::fstat(host).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
    size.saturating_sub(files::tell(host).unwrap_or(0))
}

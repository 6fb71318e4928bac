//! `poll_oneoff`: waiting for clocks and descriptors.

use crate::clocks::{ClockId, host_monotonic_ns};
use crate::ctx::WasiCtx;
use crate::errno::Errno;
use crate::error::WasiResult;
use crate::host::wait::{self, PollFd, PollFlags};
use crate::memory::GuestMemory;
use crate::ops::wait::Target;
use crate::readiness::Direction;
use crate::table::Descriptor;
use crate::types::Snapshot;

/// The most subscriptions in one call: what a host with usual limits could poll. The guest must not choose how much
/// the host allocates.
const SUBSCRIPTIONS_MAX: u32 = 4096;

/// Size of the witx record `event`.
const EVENT_BYTES: u32 = 32;

/// Bit of `eventrwflags`: the other side has closed.
const EVENT_HANGUP: u16 = 1;

/// Bit of `subclockflags`: the timeout is a time, not a duration.
const CLOCK_ABSOLUTE: u16 = 1;

/// Where the fields of a subscription are. The older snapshot has one more field in front of a clock's, which nothing
/// uses.
struct Layout {
    size_bytes: u32,
    clock_id: u32,
    timeout: u32,
    clock_flags: u32,
}

impl Layout {
    const fn of(snapshot: Snapshot) -> Layout {
        match snapshot {
            Snapshot::Preview1 => Layout { size_bytes: 48, clock_id: 16, timeout: 24, clock_flags: 40 },
            Snapshot::Unstable => Layout { size_bytes: 56, clock_id: 24, timeout: 32, clock_flags: 48 },
        }
    }
}

/// What the guest wants to wait for.
struct Subscription {
    userdata: u64,
    kind: u8,
    target: Target,
}

/// One answer.
struct Event {
    userdata: u64,
    kind: u8,
    error: Errno,
    bytes: u64,
    flags: u16,
}

impl WasiCtx {
    /// Waits until at least one subscription has something to report, and writes an event for each that has.
    pub fn poll_oneoff(
        &mut self,
        mem: &GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
    ) -> WasiResult {
        let snapshot = Snapshot::Preview1;
        self.poll(mem, subscriptions, events, count, nevents, snapshot)
    }

    /// `poll_oneoff` of the older snapshot.
    pub fn poll_oneoff_unstable(
        &mut self,
        mem: &GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
    ) -> WasiResult {
        let snapshot = Snapshot::Unstable;
        self.poll(mem, subscriptions, events, count, nevents, snapshot)
    }

    fn poll(
        &self,
        mem: &GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
        snapshot: Snapshot,
    ) -> WasiResult {
        // Nothing to wait for would mean waiting forever.
        if count == 0 || count > SUBSCRIPTIONS_MAX {
            return Err(Errno::Inval.into());
        }
        let layout = Layout::of(snapshot);
        mem.check_array(subscriptions, count, layout.size_bytes)?;
        mem.check_array(events, count, EVENT_BYTES)?;
        mem.check(nevents, 4)?;
        let subscriptions = (0..count)
            .map(|index| self.subscription(mem, subscriptions + index * layout.size_bytes, &layout))
            .collect::<Result<Vec<_>, _>>()?;
        let answers = self.wait_for_events(&subscriptions)?;
        for (index, event) in answers.iter().enumerate() {
            event.write(mem, events + index as u32 * EVENT_BYTES)?;
        }
        Ok(mem.write_u32(nevents, answers.len() as u32)?)
    }

    fn subscription(&self, mem: &GuestMemory<'_>, ptr: u32, layout: &Layout) -> Result<Subscription, Errno> {
        let kind = mem.read_u8(ptr + 8)?;
        let target = match kind {
            0 => self.clock_target(mem, ptr, layout)?,
            1 => self.fd_target(mem.read_u32(ptr + 16)?, Direction::Read),
            2 => self.fd_target(mem.read_u32(ptr + 16)?, Direction::Write),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: mem.read_u64(ptr)?, kind, target })
    }

    fn clock_target(&self, mem: &GuestMemory<'_>, ptr: u32, layout: &Layout) -> Result<Target, Errno> {
        let clock = ClockId::from_guest(mem.read_u32(ptr + layout.clock_id)?);
        let timeout = mem.read_u64(ptr + layout.timeout)?;
        let flags = mem.read_u16(ptr + layout.clock_flags)?;
        let now = match clock {
            // Time of a processor does not pass while waiting.
            Ok(clock @ (ClockId::Realtime | ClockId::Monotonic)) => self.clocks.now_ns(clock),
            Ok(ClockId::ProcessCpu | ClockId::ThreadCpu) => None,
            Err(errno) => return Ok(Target::Failed(errno)),
        };
        let Some(now) = now else {
            return Ok(Target::Failed(Errno::Notsup));
        };
        let wait = match flags {
            0 => timeout,
            CLOCK_ABSOLUTE => timeout.saturating_sub(now),
            _ => return Ok(Target::Failed(Errno::Inval)),
        };
        Ok(Target::Deadline(host_monotonic_ns().saturating_add(wait)))
    }

    /// Waits, and returns at least one event, in the order of the subscriptions.
    fn wait_for_events(&self, subscriptions: &[Subscription]) -> WasiResult<Vec<Event>> {
        let targets = subscriptions.iter().map(|subscription| &subscription.target);
        self.wait_until(targets, |polled| {
            let events = self.events(subscriptions, polled);
            (!events.is_empty()).then_some(events)
        })
    }

    fn events(&self, subscriptions: &[Subscription], polled: &[PollFd<'_>]) -> Vec<Event> {
        let now = host_monotonic_ns();
        let mut polled = polled.iter();
        let mut events = Vec::new();
        for subscription in subscriptions {
            let (error, bytes, flags) = match subscription.target {
                Target::Deadline(deadline) if deadline <= now => (Errno::Success, 0, 0),
                Target::Deadline(_) => continue,
                Target::Ready { bytes } => (Errno::Success, bytes, 0),
                Target::Failed(errno) => (errno, 0, 0),
                Target::Host { fd, direction } => {
                    let ready = polled.next().map_or(PollFlags::empty(), PollFd::revents);
                    if ready.is_empty() {
                        continue;
                    }
                    self.host_event(fd, direction, ready)
                }
            };
            events.push(Event { userdata: subscription.userdata, kind: subscription.kind, error, bytes, flags });
        }
        events
    }

    /// An error on the host's side is reported as readiness: the read or write that follows will say what it is.
    fn host_event(&self, fd: u32, direction: Direction, ready: PollFlags) -> (Errno, u64, u16) {
        if ready.contains(PollFlags::NVAL) {
            return (Errno::Badf, 0, 0);
        }
        let bytes = match direction {
            Direction::Read => self
                .table
                .get(fd)
                .ok()
                .and_then(Descriptor::host_fd)
                .and_then(|host| wait::ioctl_fionread(host).ok())
                .unwrap_or(1),
            Direction::Write => 1,
        };
        let flags = if ready.contains(PollFlags::HUP) { EVENT_HANGUP } else { 0 };
        (Errno::Success, bytes, flags)
    }
}

impl Event {
    fn write(&self, mem: &GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0; EVENT_BYTES as usize];
        record[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        record[8..10].copy_from_slice(&self.error.code().to_le_bytes());
        record[10] = self.kind;
        record[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        record[24..26].copy_from_slice(&self.flags.to_le_bytes());
        mem.write_bytes(ptr, &record)
    }
}

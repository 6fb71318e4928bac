//! Waiting: for clocks, for descriptors, and being woken by the host.

mod common;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{BUFFER, DIR, Guest, OUT};
use rustix::fs::OFlags;
use rustix::pipe::{PipeFlags, pipe_with};
use wasmer_wasi::{
    ClockId, Errno, HostClocks, OutputBuffer, Rights, Snapshot, Stdin, Stdout, Termination, WasiCtxBuilder,
};

/// Where subscriptions and events are.
const IN: u32 = 1024;
const EVENTS: u32 = 4096;

#[derive(Clone, Copy)]
enum Sub {
    Clock { id: u32, timeout: u64, flags: u16 },
    Read(u32),
    Write(u32),
}

#[derive(Debug, PartialEq)]
struct Event {
    userdata: u64,
    error: u16,
    kind: u8,
    bytes: u64,
    flags: u16,
}

fn event(userdata: u64, kind: u8, bytes: u64) -> Event {
    Event { userdata, error: 0, kind, bytes, flags: 0 }
}

fn write_subscriptions(guest: &mut Guest, subs: &[Sub]) {
    let (size, clock) = match guest.snapshot {
        Snapshot::Preview1 => (48, 16),
        Snapshot::Unstable => (56, 24),
    };
    let mem = guest.mem();
    for (index, sub) in subs.iter().enumerate() {
        let at = IN + index as u32 * size;
        mem.write_u64(at, 100 + index as u64).unwrap();
        match *sub {
            Sub::Clock { id, timeout, flags } => {
                mem.write_u8(at + 8, 0).unwrap();
                // The older snapshot has an identifier here, which must not be taken for the clock.
                mem.write_u64(at + 16, 99).unwrap();
                mem.write_u32(at + clock, id).unwrap();
                mem.write_u64(at + clock + 8, timeout).unwrap();
                mem.write_u16(at + clock + 24, flags).unwrap();
            }
            Sub::Read(fd) => {
                mem.write_u8(at + 8, 1).unwrap();
                mem.write_u32(at + 16, fd).unwrap();
            }
            Sub::Write(fd) => {
                mem.write_u8(at + 8, 2).unwrap();
                mem.write_u32(at + 16, fd).unwrap();
            }
        }
    }
}

fn poll(guest: &mut Guest, subs: &[Sub]) -> Vec<Event> {
    write_subscriptions(guest, subs);
    let args = [IN.into(), EVENTS.into(), subs.len() as u64, OUT.into()];
    guest.call("poll_oneoff", &args).unwrap();
    let mem = guest.mem();
    let count = mem.read_u32(OUT).unwrap();
    (0..count)
        .map(|index| {
            let at = EVENTS + index * 32;
            Event {
                userdata: mem.read_u64(at).unwrap(),
                error: mem.read_u16(at + 8).unwrap(),
                kind: mem.read_u8(at + 10).unwrap(),
                bytes: mem.read_u64(at + 16).unwrap(),
                flags: mem.read_u16(at + 24).unwrap(),
            }
        })
        .collect()
}

const MS: u64 = 1_000_000;

fn after(ms: u64) -> Sub {
    Sub::Clock { id: 1, timeout: ms * MS, flags: 0 }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).unwrap()
}

#[test]
fn the_earliest_clock_rings_in_both_layouts() {
    for snapshot in Snapshot::ALL {
        let mut guest = Guest::new(WasiCtxBuilder::new());
        guest.snapshot = snapshot;
        let start = Instant::now();
        let events = poll(&mut guest, &[after(60_000), after(20), after(u64::MAX / MS)]);
        assert_eq!(events, [event(101, 0, 0)], "{snapshot:?}");
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn absolute_times_may_lie_in_the_past() {
    let mut guest = Guest::new(WasiCtxBuilder::new());
    for id in [0, 1] {
        let past = Sub::Clock { id, timeout: 5, flags: 1 };
        assert_eq!(poll(&mut guest, &[past]), [event(100, 0, 0)]);
        guest.call("clock_time_get", &[id.into(), 0, OUT.into()]).unwrap();
        let timeout = guest.mem().read_u64(OUT).unwrap() + 10 * MS;
        let start = Instant::now();
        let soon = Sub::Clock { id, timeout, flags: 1 };
        assert_eq!(poll(&mut guest, &[soon]), [event(100, 0, 0)]);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn what_cannot_be_waited_for_is_an_event() {
    let (mut guest, _dir) = Guest::with_dir();
    let clock = |id, flags| Sub::Clock { id, timeout: 0, flags };
    for (sub, error) in [
        (clock(9, 0), Errno::Inval),
        (clock(1, 2), Errno::Inval),
        (clock(2, 0), Errno::Notsup),
        (Sub::Read(77), Errno::Badf),
        (Sub::Read(DIR), Errno::Badf),
        (Sub::Write(0), Errno::Badf),
    ] {
        let events = poll(&mut guest, &[after(60_000), sub]);
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].userdata, events[0].error), (101, error.code()));
    }
    let none = guest.call("poll_oneoff", &[IN.into(), EVENTS.into(), 0, OUT.into()]);
    assert_eq!(none, Err(Errno::Inval));
    guest.mem().write_u8(IN + 8, 3).unwrap();
    let unknown = guest.call("poll_oneoff", &[IN.into(), EVENTS.into(), 1, OUT.into()]);
    assert_eq!(unknown, Err(Errno::Inval));
}

#[test]
fn files_and_buffers_are_always_ready() {
    let (mut guest, dir) = Guest::with_dir();
    std::fs::write(dir.path().join("f"), "0123456789").unwrap();
    let fd = guest.open("f", 0, Rights::REGULAR_FILE).unwrap();
    guest.seek(fd, 4, 0).unwrap();
    let events = poll(&mut guest, &[Sub::Read(fd), after(60_000), Sub::Write(1)]);
    assert_eq!(events, [event(100, 1, 6), event(102, 2, 1)]);
}

#[test]
fn pipes_become_ready() {
    let (read, write) = pipe();
    let (full_read, full_write) = pipe();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Stdin::Fd(read)).stdout(Stdout::Fd(full_write)));
    assert_eq!(poll(&mut guest, &[Sub::Read(0), after(5)]), [event(101, 0, 0)]);
    assert_eq!(poll(&mut guest, &[Sub::Read(0), Sub::Write(1)]), [event(101, 2, 1)]);
    let mut write = std::fs::File::from(write);
    write.write_all(b"abc").unwrap();
    assert_eq!(poll(&mut guest, &[Sub::Read(0)]), [event(100, 1, 3)]);
    assert_eq!(guest.read(0, 10).unwrap(), b"abc");
    drop(write);
    let events = poll(&mut guest, &[Sub::Read(0)]);
    assert_eq!((events[0].error, events[0].flags), (0, 1), "hangup");
    assert_eq!(guest.read(0, 10).unwrap(), b"");
    drop(full_read);
    assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe));
}

#[test]
fn not_blocking_is_emulated_on_shared_streams() {
    let (read, write) = pipe();
    let host = read.try_clone().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Stdin::Fd(read)));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[0, 4]), Ok(()));
    guest.call("fd_fdstat_get", &[0, OUT.into()]).unwrap();
    assert_eq!(guest.mem().read_u16(OUT + 2), Ok(4));
    assert_eq!(guest.read(0, 10), Err(Errno::Again));
    let flags = rustix::fs::fcntl_getfl(&host).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    std::fs::File::from(write).write_all(b"x").unwrap();
    assert_eq!(guest.read(0, 10).unwrap(), b"x");
}

/// Makes a stream non-blocking for everyone, as another process may.
fn made_nonblocking(fd: &OwnedFd) {
    let flags = rustix::fs::fcntl_getfl(fd).unwrap();
    rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).unwrap();
}

/// A guest that did not ask for it waits, and writes everything.
#[test]
fn streams_that_others_made_nonblocking_block() {
    let (in_read, in_write) = pipe();
    let (out_read, out_write) = pipe();
    let watched = [in_read.try_clone().unwrap(), out_write.try_clone().unwrap()];
    watched.iter().for_each(made_nonblocking);
    const BYTES: usize = 640_000;
    let worker = thread::spawn(move || {
        let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Stdin::Fd(in_read)).stdout(Stdout::Fd(out_write)));
        for fd in [0, 1] {
            guest.call("fd_fdstat_get", &[fd, OUT.into()]).unwrap();
            assert_eq!(guest.mem().read_u16(OUT + 2), Ok(0), "not what it asked for");
        }
        assert_eq!(guest.write(1, &[7; BYTES]), Ok(BYTES as u32));
        guest.read(0, 100)
    });
    let mut received = 0;
    let mut out = std::fs::File::from(out_read);
    let mut piece = [0; 4096];
    while received < BYTES {
        received += std::io::Read::read(&mut out, &mut piece).unwrap();
        thread::sleep(Duration::from_micros(100));
    }
    thread::sleep(Duration::from_millis(30));
    std::fs::File::from(in_write).write_all(b"late").unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), b"late");
    for fd in &watched {
        assert!(rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK), "changed");
    }
}

/// A guest that asked for it never waits, whatever it writes, and the stream stays as it was.
#[test]
fn not_blocking_is_emulated_for_large_writes() {
    let (read, write) = pipe();
    let host = write.try_clone().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(Stdout::Fd(write)));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[1, 4]), Ok(()));
    let mut written = 0;
    let last = loop {
        match guest.write(1, &[7; 300_000]) {
            Ok(count) => written += count,
            Err(errno) => break errno,
        }
    };
    assert_eq!((last, written), (Errno::Again, 65536), "as much as a pipe holds");
    assert!(!rustix::fs::fcntl_getfl(&host).unwrap().contains(OFlags::NONBLOCK));
    drop(read);
}

#[test]
fn a_wait_at_a_nonblocking_stream_is_interrupted() {
    let result = interrupted_at(true, |guest| {
        let [iovs, count] = guest.iovecs(&[(BUFFER, 10)]);
        guest.call_raw("fd_read", &[0, iovs, count, OUT.into()])
    });
    assert_eq!(result, Err(Termination::Interrupted));
}

/// The socket may be shared with other processes that serve it.
#[test]
fn the_host_is_told_of_calls_that_may_block() {
    thread_local! {
        static TOLD: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    let (read, write) = pipe();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Stdin::Fd(read)));
    guest.ctx.set_blocking(|call| {
        TOLD.set(TOLD.get() + 1);
        call();
    });
    std::fs::File::from(write).write_all(b"x").unwrap();
    guest.ctx.fill_random(&mut [0; 100]).unwrap();
    assert_eq!(poll(&mut guest, &[after(0), Sub::Read(0)]).len(), 2);
    assert_eq!(TOLD.get(), 0, "nothing of this waits");
    assert_eq!(poll(&mut guest, &[after(5)]).len(), 1);
    assert_eq!(guest.read(0, 1).unwrap(), b"x");
    assert_eq!(TOLD.get(), 2);
}

#[test]
fn a_listening_socket_keeps_its_flags() {
    for nonblocking in [false, true] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(nonblocking).unwrap();
        let host = OwnedFd::from(listener.try_clone().unwrap());
        let before = rustix::fs::fcntl_getfl(&host).unwrap();
        let address = listener.local_addr().unwrap();
        let mut guest = Guest::new(WasiCtxBuilder::new().listener(listener));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[3, 4]), Ok(()));
        assert_eq!(guest.call("sock_accept", &[3, 0, OUT.into()]), Err(Errno::Again));
        assert_eq!(guest.call("fd_fdstat_set_flags", &[3, 0]), Ok(()));
        assert_eq!(rustix::fs::fcntl_getfl(&host).unwrap(), before);
        let client = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            std::net::TcpStream::connect(address).unwrap()
        });
        assert_eq!(guest.call("sock_accept", &[3, 0, OUT.into()]), Ok(()), "waits");
        drop(client.join().unwrap());
    }
}

#[test]
fn clocks_can_be_replaced() {
    struct Stopped;
    impl HostClocks for Stopped {
        fn now_ns(&self, clock: ClockId) -> Option<u64> {
            (clock == ClockId::Realtime).then_some(42)
        }

        fn resolution_ns(&self, _clock: ClockId) -> Option<u64> {
            Some(7)
        }
    }
    let mut guest = Guest::new(WasiCtxBuilder::new().clocks(Box::new(Stopped)));
    assert_eq!(guest.call("clock_time_get", &[0, 0, 0]), Ok(()));
    assert_eq!(guest.mem().read_u64(0), Ok(42));
    assert_eq!(guest.call("clock_time_get", &[1, 0, 0]), Err(Errno::Inval));
    assert_eq!(guest.call("clock_res_get", &[0, 0]), Ok(()));
    assert_eq!(guest.mem().read_u64(0), Ok(7));
    assert_eq!(guest.call("clock_res_get", &[4, 0]), Err(Errno::Inval));
    // Waiting ends although this clock stands still.
    let wait = Sub::Clock { id: 0, timeout: 45, flags: 1 };
    assert_eq!(poll(&mut guest, &[wait]), [event(100, 0, 0)]);
}

extern "C" fn ignore(_signal: libc::c_int) {}

/// Installs a handler without `SA_RESTART`, so that signals interrupt system calls.
fn install_handler() {
    // SAFETY: all zeroes are a valid `sigaction`, and the handler does nothing, which is safe at any time.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
}

/// Runs `block` on a guest in another thread, signals that thread, and after a while asks it to stop.
fn interrupted(block: fn(&mut Guest) -> Result<u32, Termination>) -> Result<u32, Termination> {
    interrupted_at(false, block)
}

/// The same at a standard input that somebody made non-blocking, or not.
fn interrupted_at(nonblocking: bool, block: fn(&mut Guest) -> Result<u32, Termination>) -> Result<u32, Termination> {
    install_handler();
    let (read, _write) = pipe();
    if nonblocking {
        made_nonblocking(&read);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let mut guest = Guest::new(
        WasiCtxBuilder::new().stdin(Stdin::Fd(read)).interrupt_check(Box::new(move || asked.load(Ordering::SeqCst))),
    );
    let worker = thread::spawn(move || block(&mut guest));
    let id = std::os::unix::thread::JoinHandleExt::as_pthread_t(&worker);
    let start = Instant::now();
    while !worker.is_finished() {
        // Signals alone must not end the call.
        if start.elapsed() > Duration::from_millis(60) {
            stop.store(true, Ordering::SeqCst);
        }
        assert!(start.elapsed() < Duration::from_secs(30), "not interrupted");
        // SAFETY: the thread has not been joined, so its handle is valid.
        unsafe { libc::pthread_kill(id as libc::pthread_t, libc::SIGUSR1) };
        thread::sleep(Duration::from_millis(10));
    }
    assert!(stop.load(Ordering::SeqCst), "ended too early");
    worker.join().unwrap()
}

#[test]
fn a_blocked_read_is_interrupted() {
    let result = interrupted(|guest| {
        let [iovs, count] = guest.iovecs(&[(BUFFER, 10)]);
        guest.call_raw("fd_read", &[0, iovs, count, OUT.into()])
    });
    assert_eq!(result, Err(Termination::Interrupted));
}

#[test]
fn a_blocked_poll_is_interrupted() {
    let result = interrupted(|guest| {
        write_subscriptions(guest, &[Sub::Read(0), after(100_000)]);
        guest.call_raw("poll_oneoff", &[IN.into(), EVENTS.into(), 2, OUT.into()])
    });
    assert_eq!(result, Err(Termination::Interrupted));
}

#[test]
fn a_signal_does_not_shorten_a_sleep() {
    install_handler();
    let worker = thread::spawn(|| {
        let mut guest = Guest::new(WasiCtxBuilder::new());
        let start = Instant::now();
        assert_eq!(poll(&mut guest, &[after(50)]), [event(100, 0, 0)]);
        start.elapsed()
    });
    let id = std::os::unix::thread::JoinHandleExt::as_pthread_t(&worker);
    while !worker.is_finished() {
        // SAFETY: the thread has not been joined, so its handle is valid.
        unsafe { libc::pthread_kill(id as libc::pthread_t, libc::SIGUSR1) };
        thread::sleep(Duration::from_millis(5));
    }
    assert!(worker.join().unwrap() >= Duration::from_millis(50));
}

/// What a guest makes as long as it likes asks between its parts, so that no call outlives an interrupt by much.
#[test]
fn long_calls_ask_between_their_parts() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..700 {
        std::fs::write(dir.path().join(format!("a name that takes some room {number}")), "").unwrap();
    }
    let long = 512 << 10;
    type Call = fn(&mut Guest, u64) -> Result<u32, Termination>;
    let calls: [(&str, Call); 4] = [
        ("random_get", |guest, len| guest.call_raw("random_get", &[BUFFER.into(), len])),
        ("fd_readdir", |guest, len| guest.call_raw("fd_readdir", &[3, BUFFER.into(), len, 0, OUT.into()])),
        ("fd_read", |guest, len| {
            let [iovs, count] = guest.iovecs(&[(BUFFER, len as u32)]);
            guest.call_raw("fd_read", &[0, iovs, count, OUT.into()])
        }),
        ("fd_write", |guest, len| {
            let [iovs, count] = guest.iovecs(&[(BUFFER, len as u32)]);
            guest.call_raw("fd_write", &[1, iovs, count, OUT.into()])
        }),
    ];
    for (name, call) in calls {
        let run = |questions: usize, len: u64| {
            let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let counted = Arc::clone(&asked);
            let check = Box::new(move || counted.fetch_add(1, Ordering::SeqCst) >= questions);
            let builder = WasiCtxBuilder::new().dir(dir.path(), "/").stdin(Stdin::bytes(vec![1; long]));
            let builder = builder.stdout(Stdout::buffer(&OutputBuffer::default())).interrupt_check(check);
            (call(&mut Guest::new(builder), len), asked.load(Ordering::SeqCst))
        };
        // As often as its length says, and it ends wherever the answer is yes.
        let (result, often) = run(usize::MAX, long as u64);
        assert_eq!(result, Ok(0), "{name}");
        assert!(often >= 4, "{name} asked {often} times");
        assert_eq!(run(0, long as u64).0, Err(Termination::Interrupted), "{name}");
        let (result, _) = run(often / 2, long as u64);
        // What was transferred to a stream counts.
        assert!(
            result == Err(Termination::Interrupted) || name.starts_with("fd_") && result == Ok(0),
            "{name}: {result:?}"
        );
    }
}

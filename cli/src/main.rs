//! The `wasmer` command.
//!
//! Entered by C's `main`, not by Rust's: the standard library's start looks for the main thread's stack by reading `/proc/self/maps`, which
//! takes longer than mapping a cached program.
#![no_main]

use std::ffi::{c_char, c_int};

// The unwinder, which nobody needs unless something panics, is linked in: as a library of its own it takes a tenth of a cached start to be
// found, mapped and initialised.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

/// # Safety
/// Called by the C library, once.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_count: c_int, _words: *const *const c_char) -> c_int {
    // What the skipped start would have done. Writing to a closed pipe is an error, not the end of the process.
    // SAFETY: no other thread runs yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    // The same for a file beyond the limit of file sizes; the compile worker inherits it.
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    open_closed_streams();
    let status = std::panic::catch_unwind(|| wasmer_cli::main(std::env::args_os()));
    // A panic has been reported by its hook. Leaving through `exit` flushes what is buffered.
    std::process::exit(status.unwrap_or(wasmer_cli::ExitCode::PANIC).into())
}

/// Puts `/dev/null` where a standard stream is closed: a program reads nothing from it and may write to it, and no file that is opened later
/// gets its number, to be read or written in its place.
fn open_closed_streams() {
    let stream = |fd| libc::pollfd { fd, events: 0, revents: 0 };
    let mut streams = [stream(0), stream(1), stream(2)];
    // SAFETY: the list has the length that is given, and the path is a C string. The number that `open` gives is the lowest that is free, which
    // is the one that is closed, because those below are not.
    unsafe {
        while libc::poll(streams.as_mut_ptr(), streams.len() as libc::nfds_t, 0) == -1 {}
        for stream in streams {
            if stream.revents & libc::POLLNVAL != 0 && libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) != stream.fd {
                libc::abort();
            }
        }
    }
}

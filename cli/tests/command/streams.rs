//! Standard streams that are closed, or not as a program expects them, and what a program may use up.

use std::fs;
use std::os::unix::process::CommandExt;

use crate::common::{Bench, Ran, printer};

/// Copies standard input to standard output, and ends with the error of the first call that fails.
const CAT: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func (export "_start") (local $errno i32)
        (loop $more
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 65536))
            (local.set $errno (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
            (if (local.get $errno) (then (call $exit (local.get $errno))))
            (if (i32.eqz (i32.load (i32.const 4))) (then (return)))
            (local.set $errno (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (local.get $errno) (then (call $exit (local.get $errno))))
            (br $more))))"#;

/// Runs the command with these streams closed.
fn with_closed(bench: &Bench, streams: &'static [i32], arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    // SAFETY: closing descriptors is safe after a fork. They are the streams of the child, made by then.
    unsafe {
        command.pre_exec(move || {
            for stream in streams {
                libc::close(*stream);
            }
            Ok(())
        });
    }
    Ran::of(command.output().expect("the command starts"))
}

#[test]
fn programs_run_with_closed_streams() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.file("cat.wat", CAT);
    for streams in [&[0][..], &[2], &[0, 2]] {
        with_closed(&bench, streams, &["run", "hello.wat"]).printed("hello").silent();
    }
    for streams in [&[1][..], &[0, 1], &[0, 1, 2]] {
        with_closed(&bench, streams, &["run", "hello.wat"]).printed("").silent();
    }
    // Standard input that is closed is at its end, and no file of ours.
    with_closed(&bench, &[0], &["run", "cat.wat"]).printed("").silent();
    with_closed(&bench, &[0], &["run", "--disable-cache", "cat.wat"]).printed("").silent();
}

/// What the command writes itself never goes to a file that got the number of a closed stream.
#[test]
fn files_never_take_the_place_of_streams() {
    let bench = Bench::new();
    bench.file("hello.wat", printer("hello"));
    bench.file("bad.wat", "(module (func (export \"_start\") unreachable))");
    let compile = |streams, output| with_closed(&bench, streams, &["compile", "hello.wat", "-o", output, "--verbose"]);
    assert_eq!(compile(&[], "open.wart").code, Some(0));
    for streams in [&[0][..], &[1], &[2], &[1, 2], &[0, 1, 2]] {
        assert_eq!(compile(streams, "closed.wart").code, Some(0), "{streams:?}");
        let same = fs::read(bench.path("open.wart")).unwrap() == fs::read(bench.path("closed.wart")).unwrap();
        assert!(same, "{streams:?}");
        assert_eq!(with_closed(&bench, streams, &["run", "bad.wat"]).code, Some(134), "{streams:?}");
    }
    with_closed(&bench, &[0], &["run", "hello.wat"]).printed("hello");
}

/// Both ends are shared with whoever started the command, and were made non-blocking there.
#[test]
fn a_program_waits_at_streams_that_others_made_nonblocking() {
    use std::io::{Read, Write};
    let bench = Bench::new();
    bench.file("cat.wat", CAT);
    let (mut in_read, mut in_write) = std::io::pipe().unwrap();
    let (mut out_read, out_write) = std::io::pipe().unwrap();
    for fd in [std::os::fd::AsRawFd::as_raw_fd(&in_read), std::os::fd::AsRawFd::as_raw_fd(&out_write)] {
        // SAFETY: only flags of a descriptor that is open here.
        unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK | libc::fcntl(fd, libc::F_GETFL)) };
    }
    let mut nothing = [0];
    assert!(in_read.read(&mut nothing).is_err(), "it does not block here");
    let mut child = bench.command(["run", "cat.wat"]).stdin(in_read).stdout(out_write).spawn().unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..10 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            in_write.write_all(&[b'x'; 64_000]).unwrap();
        }
    });
    // The program fills the pipe and has to wait.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let mut received = Vec::new();
    out_read.read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert_eq!((received.len(), child.wait().unwrap().code()), (640_000, Some(0)));
}

#[test]
fn what_a_program_uses_up_can_be_limited() {
    let bench = Bench::new();
    let program = bench.file("cat.wat", CAT);
    let input = bench.file("input", [b'x'; 1000]);
    let cat = |options: &[&str]| {
        let mut arguments = vec!["run"];
        arguments.extend(options);
        let mut command = bench.command(arguments);
        command.arg(&program).stdin(fs::File::open(&input).unwrap());
        Ran::of(command.output().unwrap())
    };
    assert_eq!(cat(&["--max-output", "1000"]).printed("x".repeat(1000).as_str()).code, Some(0));
    let cut = cat(&["--max-output", "999"]);
    // 999 bytes are written, and the program takes that for all.
    assert_eq!((cut.code, cut.out.len()), (Some(0), 999));
    assert_eq!(cat(&["--max-output", "0"]).code, Some(51), "no space left on device");
    assert_eq!(cat(&["--max-open-files", "3"]).code, Some(0));
    for options in [&["--max-open-files", "3", "--dir", "."][..], &["--max-open-files", "0"]] {
        cat(options).failed(1, &["too many directories and sockets", "hint: `--max-open-files` counts the three"]);
    }
    cat(&["--dir", "/proc"]).failed(1, &["`/proc`"]);
}

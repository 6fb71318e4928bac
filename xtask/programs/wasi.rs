//! What a Rust program relies on in WASI, by way of Rust's library: in `/w`, an empty folder, and in `/r`, one for reading only that holds `file`
//! with "content", `dir`, and the symbolic links `link` to `file` and `out` to `../out`. The first check that fails ends the program.
//! As a component it may use `127.0.0.1`, and nothing else of the network.

#![feature(wasi_ext)]
#![cfg_attr(target_env = "p2", feature(wasip2))]

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::wasi::fs::symlink_path;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

/// A call fails, and for this reason.
#[track_caller]
fn fails<T>(result: io::Result<T>, reason: ErrorKind) {
    match result {
        Ok(_) => panic!("it succeeded, where `{reason}` was expected"),
        Err(error) => assert_eq!(error.kind(), reason, "{error}"),
    }
}

fn main() -> io::Result<()> {
    surroundings();
    files()?;
    folders()?;
    listings()?;
    read_only()?;
    streams()?;
    clocks();
    #[cfg(target_env = "p2")]
    sockets()?;
    fails(thread::Builder::new().spawn(|| ()), ErrorKind::Unsupported);
    println!("all checks hold");
    Ok(())
}

fn surroundings() {
    assert_eq!(env::args().skip(1).collect::<Vec<_>>(), ["two words", ""]);
    assert_eq!(env::vars().collect::<Vec<_>>(), [("NAME".to_owned(), "a=b".to_owned())]);
    assert!(env::current_dir().is_ok_and(|folder| folder == Path::new("/")));
}

/// What a file is open for, where its position is, its length and times, and the errors that the library tells apart.
fn files() -> io::Result<()> {
    let path = "/w/file";
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    fails(File::create_new(path), ErrorKind::AlreadyExists);
    let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
    // The C library of 0.2 writes the first of them alone.
    let written = file.write_vectored(&parts)?;
    assert_eq!(written, if cfg!(target_env = "p2") { 4 } else { 7 });
    file.write_all(&b"one two"[written..])?;
    assert_eq!(file.stream_position()?, 7);
    assert!(file.read(&mut [0; 4]).is_err(), "a file that is open for writing");
    file.set_len(1 << 33)?;
    assert_eq!(file.seek(SeekFrom::End(-1))?, (1 << 33) - 1);
    fails(file.seek(SeekFrom::Current(-(1 << 40))), ErrorKind::InvalidInput);
    file.set_len(7)?;
    let time = UNIX_EPOCH + Duration::new(1_000_000_007, 123);
    file.set_times(FileTimes::new().set_modified(time))?;
    file.sync_all()?;
    file.sync_data()?;
    let attributes = file.metadata()?;
    assert!(attributes.is_file() && attributes.len() == 7 && attributes.modified()? == time);
    drop(file);

    let mut file = OpenOptions::new().append(true).open(path)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(b" three")?;
    assert_eq!(fs::read_to_string(path)?, "one two three");
    assert!(File::open(path)?.write(b"x").is_err(), "a file that is open for reading");
    let mut file = OpenOptions::new().read(true).write(true).truncate(true).open(path)?;
    assert_eq!(file.read(&mut [0; 4])?, 0);

    fails(File::open("/w/none"), ErrorKind::NotFound);
    fails(File::open("/w/file/x"), ErrorKind::NotADirectory);
    assert!(File::open("/elsewhere").is_err(), "wasi-libc says by itself that nothing is granted there");
    fails(File::create("/w"), ErrorKind::IsADirectory);
    fails(fs::read("/w"), ErrorKind::IsADirectory);
    assert!(
        File::open("/w/../out").is_err() && fs::read("/w/nul\0").is_err_and(|e| e.kind() == ErrorKind::InvalidInput)
    );
    // More than one buffer of the library's copies.
    fs::write(path, vec![7; 100_000])?;
    assert_eq!(fs::copy(path, "/w/copy")?, 100_000);
    assert_eq!(fs::read("/w/copy")?, vec![7; 100_000]);
    fs::remove_file("/w/copy")?;
    fs::remove_file(path)
}

fn folders() -> io::Result<()> {
    fs::create_dir("/w/d")?;
    fails(fs::create_dir("/w/d"), ErrorKind::AlreadyExists);
    DirBuilder::new().recursive(true).create("/w/d/a/b/c")?;
    // The library has no word for this one.
    const ENOTEMPTY: i32 = 55;
    assert_eq!(fs::remove_dir("/w/d").map_err(|error| error.raw_os_error()), Err(Some(ENOTEMPTY)));
    fs::write("/w/d/file", "text")?;
    fails(fs::remove_dir("/w/d/file"), ErrorKind::NotADirectory);
    assert!(fs::remove_file("/w/d/a").is_err());
    fails(fs::create_dir("/w/none/d"), ErrorKind::NotFound);

    fs::hard_link("/w/d/file", "/w/d/hard")?;
    fails(fs::hard_link("/w/d/none", "/w/d/other"), ErrorKind::NotFound);
    assert_eq!(fs::read("/w/d/hard")?, b"text");
    fs::remove_file("/w/d/hard")?;
    fs::rename("/w/d/file", "/w/d/a/moved")?;
    assert!(!fs::exists("/w/d/file")? && fs::read("/w/d/a/moved")? == b"text");
    fails(fs::rename("/w/d/file", "/w/d/x"), ErrorKind::NotFound);
    symlink_path("a/moved", "/w/d/soft")?;
    assert_eq!(fs::read_link("/w/d/soft")?, Path::new("a/moved"));
    assert!(fs::symlink_metadata("/w/d/soft")?.is_symlink() && fs::metadata("/w/d/soft")?.len() == 4);
    fails(fs::read_link("/w/d/a/moved"), ErrorKind::InvalidInput);
    fs::remove_dir_all("/w/d")?;
    fails(fs::metadata("/w/d"), ErrorKind::NotFound);
    Ok(())
}

/// More entries than any buffer holds, listed while they are removed.
fn listings() -> io::Result<()> {
    fs::create_dir_all("/w/many/folder")?;
    let names: Vec<_> = (0..700).map(|number| format!("an entry with a name of some length {number:03}")).collect();
    for name in &names {
        File::create(Path::new("/w/many").join(name))?;
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/w/many")? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            assert_eq!(entry.file_name(), "folder");
            continue;
        }
        assert!(entry.file_type()?.is_file() && entry.metadata()?.len() == 0);
        found.push(entry.file_name().into_string().expect("a name in UTF-8"));
        fs::remove_file(entry.path())?;
    }
    found.sort();
    assert_eq!(found, names);
    fs::remove_dir_all("/w/many")
}

fn read_only() -> io::Result<()> {
    assert_eq!(fs::read_to_string("/r/link")?, "content");
    for result in [
        fs::write("/r/file", "x"),
        fs::write("/r/new", "x"),
        fs::create_dir("/r/new"),
        fs::remove_file("/r/file"),
        fs::remove_dir("/r/dir"),
        fs::rename("/r/file", "/w/file"),
        fs::copy("/r/link", "/r/new").map(drop),
        File::open("/r/file")?.set_times(FileTimes::new().set_modified(UNIX_EPOCH)),
    ] {
        fails(result, ErrorKind::ReadOnlyFilesystem);
    }
    assert!(fs::read("/r/out").is_err(), "a link leads out");
    Ok(())
}

fn streams() -> io::Result<()> {
    assert!(!io::stdin().is_terminal() && !io::stdout().is_terminal());
    assert_eq!(io::read_to_string(io::stdin())?, "input");
    assert_eq!(io::stdin().read(&mut [0; 4])?, 0);
    Ok(())
}

fn clocks() {
    let (begun, today) = (Instant::now(), SystemTime::now());
    thread::sleep(Duration::from_millis(20));
    assert!((20..20_000).contains(&begun.elapsed().as_millis()));
    assert!(today.elapsed().is_ok() && today.duration_since(UNIX_EPOCH).is_ok_and(|age| age.as_secs() > 1_700_000_000));
}

/// Connections, which wait in the queue of their listener until they are accepted, and datagrams.
#[cfg(target_env = "p2")]
fn sockets() -> io::Result<()> {
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    fails(TcpListener::bind(address), ErrorKind::AddrInUse);
    let mut client = TcpStream::connect(address)?;
    let (mut server, peer) = listener.accept()?;
    assert_eq!(peer, client.local_addr()?);
    assert_eq!(client.peer_addr()?, address);
    client.write_all(b"question")?;
    let mut text = [0; 8];
    server.read_exact(&mut text)?;
    assert_eq!(&text, b"question");
    server.set_nonblocking(true)?;
    fails(server.read(&mut text), ErrorKind::WouldBlock);
    server.set_nonblocking(false)?;
    server.write_all(&[7; 100_000])?;
    server.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    assert_eq!(answer, [7; 100_000]);
    drop(listener);
    fails(TcpStream::connect(address), ErrorKind::ConnectionRefused);
    fails(TcpStream::connect("127.0.0.2:80"), ErrorKind::PermissionDenied);
    assert!(TcpStream::connect("localhost:80").is_err(), "a name that may not be looked up");

    let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    assert_eq!(one.send_to(b"datagram", other.local_addr()?)?, 8);
    let mut text = [0; 100];
    assert_eq!(other.recv_from(&mut text)?, (8, one.local_addr()?));
    assert_eq!(&text[..8], b"datagram");
    fails(one.send_to(b"x", "127.0.0.2:80"), ErrorKind::PermissionDenied);
    other.set_nonblocking(true)?;
    fails(other.recv(&mut text), ErrorKind::WouldBlock);
    Ok(())
}

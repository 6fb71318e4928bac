//! The functions as a component calls them, without one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use wasmer_component::{Borrow, Own};
use wasmer_wasi::{OutputBuffer, Stdin, Stdout, WasiCtxBuilder};

use crate::ctx::WasiP2;
use crate::failure::Outcome;
use crate::filesystem::Descriptor;
use crate::sockets::{Grants, Network, TcpSocket};
use crate::types::{
    DescriptorFlags, FsError, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, NetError, OpenFlags,
    OutgoingDatagram, PathFlags, ShutdownType, StreamError,
};

fn lend<R>(own: &Own<R>) -> Borrow<R> {
    Borrow::new(own.rep)
}

fn is_trap<T>(outcome: Outcome<T>) -> bool {
    outcome.err().is_some_and(|error| error.downcast_host::<crate::WasiTrap>().is_some())
}

fn wasi(builder: WasiCtxBuilder) -> WasiP2 {
    WasiP2::new(builder.build().unwrap())
}

/// A component with one directory.
fn with_dir() -> (WasiP2, Own<Descriptor>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut wasi = wasi(WasiCtxBuilder::new().dir(dir.path(), "/data"));
    let (root, name) = wasi.get_directories().unwrap().remove(0);
    assert_eq!(name, "/data");
    (wasi, root, dir)
}

fn open(wasi: &mut WasiP2, root: &Own<Descriptor>, path: &str, open: OpenFlags) -> Result<Own<Descriptor>, FsError> {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    wasi.open_at(lend(root), PathFlags::empty(), path.to_owned(), open, flags).unwrap()
}

#[test]
fn a_stream_writes_what_was_permitted_and_no_more() {
    let out = OutputBuffer::new();
    let mut wasi = wasi(WasiCtxBuilder::new().stdout(Stdout::buffer(&out)));
    let stdout = wasi.get_stdout().unwrap();
    assert!(is_trap(wasi.write(lend(&stdout), b"x")), "not asked");
    assert_eq!(wasi.check_write(lend(&stdout)).unwrap().unwrap(), 4096);
    wasi.write(lend(&stdout), b"hello").unwrap().unwrap();
    wasi.write_zeroes(lend(&stdout), 4091).unwrap().unwrap();
    assert!(is_trap(wasi.write(lend(&stdout), b"x")), "used up");
    assert!(is_trap(wasi.blocking_write_and_flush(lend(&stdout), &[0; 4097])));
    wasi.blocking_write_and_flush(lend(&stdout), b"!").unwrap().unwrap();
    assert_eq!((out.contents().len(), out.contents()[4096]), (4097, b'!'));
}

#[test]
fn a_pipe_takes_small_pieces_until_it_is_full() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut wasi = wasi(WasiCtxBuilder::new().stdout(Stdout::Fd(writer.into())));
    let stdout = wasi.get_stdout().unwrap();
    let mut count = 0;
    // Nobody reads, so one piece too many would wait for ever.
    loop {
        let permit = wasi.check_write(lend(&stdout)).unwrap().unwrap() as usize;
        if permit == 0 {
            break;
        }
        wasi.write(lend(&stdout), &[7; 100][..permit.min(100)]).unwrap().unwrap();
        count += permit.min(100);
    }
    assert!(count > 32 << 10, "{count}");
    reader.read_exact(&mut vec![0; count]).unwrap();
    assert_eq!(wasi.check_write(lend(&stdout)).unwrap().unwrap(), 4096);
}

#[test]
fn a_stream_outlives_no_pollable_of_it() {
    let mut wasi = wasi(WasiCtxBuilder::new().stdin(Stdin::bytes(*b"ab")));
    let stdin = wasi.get_stdin().unwrap();
    let pollable = wasi.subscribe_input(lend(&stdin)).unwrap();
    assert!(is_trap(wasi.drop_input(Own::new(stdin.rep))));
    assert!(wasi.ready(lend(&pollable)).unwrap());
    wasi.drop_pollable(pollable).unwrap();
    assert_eq!(wasi.read(lend(&stdin), 0).unwrap().unwrap(), b"");
    assert_eq!(wasi.blocking_skip(lend(&stdin), 1).unwrap().unwrap(), 1);
    assert_eq!(wasi.read(lend(&stdin), 9).unwrap().unwrap(), b"b");
    for _ in 0..2 {
        assert!(matches!(wasi.blocking_read(lend(&stdin), 9).unwrap(), Err(StreamError::Closed)));
    }
    wasi.drop_input(stdin).unwrap();
}

#[test]
fn poll_says_which() {
    let mut wasi = wasi(WasiCtxBuilder::new());
    let never = wasi.subscribe_duration(u64::MAX).unwrap();
    let soon = wasi.subscribe_duration(1_000_000).unwrap();
    let all = vec![lend(&never), lend(&soon), lend(&soon)];
    assert_eq!(wasi.poll(all).unwrap(), [1, 2]);
    let now = wasi.monotonic_now().unwrap();
    let past = wasi.subscribe_instant(now).unwrap();
    assert_eq!(wasi.poll(vec![lend(&never), lend(&past)]).unwrap(), [1]);
    assert!(!wasi.ready(lend(&never)).unwrap());
    assert!(is_trap(wasi.poll(Vec::new())));
    assert!(is_trap(wasi.poll(vec![lend(&never); 4097])));
}

#[test]
fn a_file_is_open_as_long_as_something_needs_it() {
    let (mut wasi, root, dir) = with_dir();
    let file = open(&mut wasi, &root, "f", OpenFlags::CREATE).unwrap();
    let output = wasi.write_via_stream(lend(&file), 2).unwrap().unwrap();
    let end = wasi.append_via_stream(lend(&file)).unwrap().unwrap();
    let input = wasi.read_via_stream(lend(&file), 1).unwrap().unwrap();
    wasi.drop_descriptor(file).unwrap();
    wasi.blocking_write_and_flush(lend(&output), b"cd").unwrap().unwrap();
    wasi.blocking_write_and_flush(lend(&end), b"!").unwrap().unwrap();
    wasi.blocking_write_and_flush(lend(&output), b"e").unwrap().unwrap();
    assert_eq!(wasi.read(lend(&input), 100).unwrap().unwrap(), b"\0cde");
    assert_eq!(std::fs::read(dir.path().join("f")).unwrap(), b"\0\0cde");
    wasi.drop_output(output).unwrap();
    wasi.drop_output(end).unwrap();
    assert!(wasi.ctx_mut().describe(4).is_ok());
    wasi.drop_input(input).unwrap();
    assert!(wasi.ctx_mut().describe(4).is_err(), "closed");
}

#[test]
fn granted_directories_stay() {
    let (mut wasi, root, _dir) = with_dir();
    wasi.drop_descriptor(root).unwrap();
    let (again, _) = wasi.get_directories().unwrap().remove(0);
    assert!(wasi.stat(lend(&again)).unwrap().is_ok());
}

#[test]
fn listings_do_not_disturb_each_other() {
    let (mut wasi, root, dir) = with_dir();
    for number in 0..300 {
        std::fs::write(dir.path().join(format!("{number:03}")), "").unwrap();
    }
    let listings = [(); 2].map(|()| wasi.read_directory(lend(&root)).unwrap().unwrap());
    let mut names = [const { Vec::new() }; 2];
    for _ in 0..300 {
        for (listing, names) in listings.iter().zip(&mut names) {
            names.push(wasi.read_directory_entry(lend(listing)).unwrap().unwrap().unwrap().name);
        }
    }
    for (listing, mut names) in listings.into_iter().zip(names) {
        assert_eq!(wasi.read_directory_entry(lend(&listing)).unwrap(), Ok(None));
        names.sort();
        assert!(names.into_iter().eq((0..300).map(|number| format!("{number:03}"))));
        wasi.drop_listing(listing).unwrap();
    }
}

#[test]
fn paths_and_read_only_directories_are_confined() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), "x").unwrap();
    let mut wasi = wasi(WasiCtxBuilder::new().read_only_dir(dir.path(), "/"));
    let (root, _) = wasi.get_directories().unwrap().remove(0);
    assert_eq!(open(&mut wasi, &root, "f", OpenFlags::empty()).unwrap_err(), FsError::ReadOnly);
    assert_eq!(wasi.unlink_file_at(lend(&root), "f".to_owned()).unwrap(), Err(FsError::ReadOnly));
    let flags = wasi.get_flags(lend(&root)).unwrap().unwrap();
    assert_eq!(flags, DescriptorFlags::READ);
    for (path, want) in [
        ("../x", FsError::NotPermitted),
        ("/etc/passwd", FsError::NotPermitted),
        ("", FsError::NoEntry),
        ("a\0b", FsError::Invalid),
    ] {
        let stat = wasi.stat_at(lend(&root), PathFlags::SYMLINK_FOLLOW, path.to_owned()).unwrap();
        assert_eq!(stat, Err(want), "{path}");
    }
}

#[test]
fn a_failed_stream_says_why_once() {
    let (mut wasi, root, _dir) = with_dir();
    let file = open(&mut wasi, &root, "f", OpenFlags::CREATE).unwrap();
    let output = wasi.write_via_stream(lend(&file), u64::MAX).unwrap().unwrap();
    let result = wasi.blocking_write_and_flush(lend(&output), b"x").unwrap();
    let Err(StreamError::LastOperationFailed(error)) = result else { panic!("{result:?}") };
    assert_eq!(wasi.filesystem_error_code(lend(&error)).unwrap(), Some(FsError::Invalid));
    assert_eq!(wasi.network_error_code(lend(&error)).unwrap(), None);
    assert!(matches!(wasi.check_write(lend(&output)).unwrap(), Err(StreamError::Closed)));
    assert_eq!(wasi.errors.len(), 1);
    wasi.drop_error(error).unwrap();
    assert_eq!(wasi.errors.len(), 0);
}

fn local(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
}

fn with_net(rules: &[&str]) -> WasiP2 {
    let mut net = Grants::none();
    for rule in rules {
        net.allow(rule).unwrap();
    }
    WasiP2::with_net(WasiCtxBuilder::new().build().unwrap(), net)
}

fn network() -> Borrow<Network> {
    Borrow::new(0)
}

#[test]
fn sockets_reach_nothing_unless_granted() {
    let mut wasi = with_net(&["127.0.0.1:1"]);
    let socket = wasi.create_tcp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    for (address, want) in [
        (local(2), NetError::AccessDenied),
        (local(0), NetError::InvalidArgument),
        (IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 1, address: (224, 0, 0, 1) }), NetError::InvalidArgument),
    ] {
        assert_eq!(wasi.tcp_start_connect(lend(&socket), network(), address).unwrap(), Err(want));
    }
    assert_eq!(wasi.tcp_start_bind(lend(&socket), network(), local(80)).unwrap(), Err(NetError::AccessDenied));
    let lookup = wasi.resolve_addresses(network(), "example.org".to_owned()).unwrap();
    assert_eq!(lookup.unwrap_err(), NetError::AccessDenied);
    for (name, want) in [("exämple.org", NetError::NotSupported), ("a b", NetError::InvalidArgument)] {
        assert_eq!(wasi.resolve_addresses(network(), name.to_owned()).unwrap().unwrap_err(), want);
    }
    let socket = wasi.create_udp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    assert_eq!(wasi.udp_start_bind(lend(&socket), network(), local(0)).unwrap(), Err(NetError::AccessDenied));
}

/// Connects to a port of this machine.
fn connect(wasi: &mut WasiP2, socket: &Own<TcpSocket>, port: u16) -> Result<(), NetError> {
    wasi.tcp_start_connect(lend(socket), network(), local(port)).unwrap()?;
    assert_eq!(
        wasi.tcp_start_connect(lend(socket), network(), local(port)).unwrap(),
        Err(NetError::ConcurrencyConflict)
    );
    let pollable = wasi.tcp_subscribe(lend(socket)).unwrap();
    wasi.block(lend(&pollable)).unwrap();
    wasi.drop_pollable(pollable).unwrap();
    Ok(())
}

#[test]
fn a_connection_takes_everything_however_slow_the_other_side() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut wasi = with_net(&[&format!("127.0.0.1:{port}")]);
    let socket = wasi.create_tcp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    connect(&mut wasi, &socket, port).unwrap();
    let (input, output) = wasi.tcp_finish_connect(lend(&socket)).unwrap().unwrap();
    let mut peer = listener.accept().unwrap().0;
    assert_eq!(wasi.read(lend(&input), 10).unwrap().unwrap(), b"", "nothing yet");
    // More than the system's buffers hold.
    let (mut sent, chunk) = (0, vec![7; 1 << 16]);
    while wasi.check_write(lend(&output)).unwrap().unwrap() > 0 {
        wasi.write(lend(&output), &chunk).unwrap().unwrap();
        sent += chunk.len();
    }
    let reader = std::thread::spawn(move || {
        let mut bytes = vec![0; sent];
        peer.read_exact(&mut bytes).unwrap();
        peer.write_all(b"thanks").unwrap();
        (bytes, peer)
    });
    wasi.blocking_flush(lend(&output)).unwrap().unwrap();
    assert_eq!(wasi.blocking_read(lend(&input), 100).unwrap().unwrap(), b"thanks");
    let (bytes, peer) = reader.join().unwrap();
    assert!(bytes.iter().all(|byte| *byte == 7));
    wasi.tcp_shutdown(lend(&socket), ShutdownType::Receive).unwrap().unwrap();
    assert!(matches!(wasi.blocking_read(lend(&input), 1).unwrap(), Err(StreamError::Closed)));
    drop(peer);
    wasi.drop_tcp(socket).unwrap();
    assert!(wasi.ctx_mut().describe(3).is_ok(), "its streams are there");
    wasi.drop_input(input).unwrap();
    wasi.drop_output(output).unwrap();
    assert!(wasi.ctx_mut().describe(3).is_err());
}

#[test]
fn connections_are_accepted_and_refused() {
    let mut wasi = with_net(&["127.0.0.1"]);
    let socket = wasi.create_tcp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    assert_eq!(wasi.tcp_start_listen(lend(&socket)).unwrap(), Err(NetError::InvalidState));
    assert_eq!(wasi.tcp_finish_bind(lend(&socket)).unwrap(), Err(NetError::NotInProgress));
    wasi.tcp_start_bind(lend(&socket), network(), local(0)).unwrap().unwrap();
    wasi.tcp_finish_bind(lend(&socket)).unwrap().unwrap();
    wasi.tcp_start_listen(lend(&socket)).unwrap().unwrap();
    wasi.tcp_finish_listen(lend(&socket)).unwrap().unwrap();
    assert_eq!(wasi.tcp_accept(lend(&socket)).unwrap().unwrap_err(), NetError::WouldBlock);
    let IpSocketAddress::Ipv4(address) = wasi.tcp_local_address(lend(&socket)).unwrap().unwrap() else { panic!() };
    let mut peer = TcpStream::connect(("127.0.0.1", address.port)).unwrap();
    let pollable = wasi.tcp_subscribe(lend(&socket)).unwrap();
    wasi.block(lend(&pollable)).unwrap();
    let (_accepted, input, _output) = wasi.tcp_accept(lend(&socket)).unwrap().unwrap();
    peer.write_all(b"hi").unwrap();
    assert_eq!(wasi.blocking_read(lend(&input), 10).unwrap().unwrap(), b"hi");
    drop(peer);
    assert!(matches!(wasi.blocking_read(lend(&input), 10).unwrap(), Err(StreamError::Closed)));

    wasi.drop_pollable(pollable).unwrap();
    wasi.drop_tcp(socket).unwrap();
    let socket = wasi.create_tcp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    // The system may know at once, or later.
    let refused = match connect(&mut wasi, &socket, address.port) {
        Ok(()) => wasi.tcp_finish_connect(lend(&socket)).unwrap().unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(refused, NetError::ConnectionRefused);
    assert_eq!(wasi.tcp_finish_connect(lend(&socket)).unwrap().unwrap_err(), NetError::NotInProgress);
}

#[test]
fn datagrams_go_to_and_fro() {
    let mut wasi = with_net(&["127.0.0.1"]);
    let [a, b] = [(); 2].map(|()| {
        let socket = wasi.create_udp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
        wasi.udp_start_bind(lend(&socket), network(), local(0)).unwrap().unwrap();
        wasi.udp_finish_bind(lend(&socket)).unwrap().unwrap();
        socket
    });
    let to_b = wasi.udp_local_address(lend(&b)).unwrap().unwrap();
    let (_, outgoing) = wasi.udp_stream(lend(&a), None).unwrap().unwrap();
    let (incoming, _) = wasi.udp_stream(lend(&b), None).unwrap().unwrap();
    let datagram = |address| OutgoingDatagram { data: b"ping".to_vec(), remote_address: address };
    assert!(is_trap(wasi.udp_send(lend(&outgoing), vec![datagram(Some(to_b))])), "not asked");
    assert_eq!(wasi.udp_check_send(lend(&outgoing)).unwrap(), Ok(16));
    assert_eq!(wasi.udp_send(lend(&outgoing), vec![datagram(None)]).unwrap(), Err(NetError::InvalidArgument));
    assert_eq!(wasi.udp_send(lend(&outgoing), vec![datagram(Some(to_b)); 2]).unwrap(), Ok(2));
    let pollable = wasi.udp_subscribe_incoming(lend(&incoming)).unwrap();
    wasi.block(lend(&pollable)).unwrap();
    let received = wasi.udp_receive(lend(&incoming), 16).unwrap().unwrap();
    assert_eq!((received.len(), &received[0].data[..]), (2, &b"ping"[..]));
    assert_eq!(received[0].remote_address, wasi.udp_local_address(lend(&a)).unwrap().unwrap());
    assert_eq!(wasi.udp_receive(lend(&incoming), 16).unwrap(), Ok(Vec::new()));
    let (_, again) = wasi.udp_stream(lend(&a), Some(to_b)).unwrap().unwrap();
    assert_eq!(wasi.udp_check_send(lend(&outgoing)).unwrap(), Err(NetError::InvalidState), "replaced");
    assert_eq!(wasi.udp_check_send(lend(&again)).unwrap(), Ok(16));
    assert_eq!(wasi.udp_send(lend(&again), vec![datagram(None)]).unwrap(), Ok(1));
}

#[test]
fn an_association_that_fails_ends_the_last_one() {
    let mut wasi = with_net(&["*"]);
    let socket = wasi.create_udp_socket(IpAddressFamily::Ipv4).unwrap().unwrap();
    wasi.udp_start_bind(lend(&socket), network(), local(0)).unwrap().unwrap();
    wasi.udp_finish_bind(lend(&socket)).unwrap().unwrap();
    let (incoming, _) = wasi.udp_stream(lend(&socket), Some(local(9))).unwrap().unwrap();
    assert_eq!(wasi.udp_remote_address(lend(&socket)).unwrap(), Ok(local(9)));
    // The system wants to be told before anything is sent to everybody.
    let everybody = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 9, address: (255, 255, 255, 255) });
    assert!(wasi.udp_stream(lend(&socket), Some(everybody)).unwrap().is_err());
    assert_eq!(wasi.udp_remote_address(lend(&socket)).unwrap(), Err(NetError::InvalidState));
    let received = wasi.udp_receive(lend(&incoming), 1).unwrap();
    assert_eq!(received, Err(NetError::InvalidState), "it would be anybody's datagrams");
}

#[test]
fn names_are_looked_up() {
    let mut wasi = with_net(&["localhost:1"]);
    for (name, is_asked) in [("127.0.0.1", false), ("::1", false), ("localhost", true)] {
        let lookup = wasi.resolve_addresses(network(), name.to_owned()).unwrap().unwrap();
        let pollable = wasi.lookup_subscribe(lend(&lookup)).unwrap();
        assert!(is_asked || wasi.ready(lend(&pollable)).unwrap());
        wasi.block(lend(&pollable)).unwrap();
        assert!(wasi.resolve_next_address(lend(&lookup)).unwrap().unwrap().is_some(), "{name}");
        while wasi.resolve_next_address(lend(&lookup)).unwrap().unwrap().is_some() {}
        wasi.drop_lookup(lookup).unwrap();
        wasi.drop_pollable(pollable).unwrap();
    }
    assert!(wasi.net.allows("127.0.0.1:1".parse().unwrap()) || wasi.net.allows("[::1]:1".parse().unwrap()));
    assert!(!wasi.net.allows("127.0.0.1:2".parse().unwrap()));
}

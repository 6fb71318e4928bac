//! `wasi:sockets/tcp`.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::io::Errno as HostErrno;
use rustix::net::{Shutdown, SocketFlags, SocketType, sockopt};
use wasmer_component::{Borrow, Own};
use wasmer_wasi::Position;
use wasmer_wasi::ops::{Direction, WaitFor};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap};
use crate::io::Pollable;
use crate::sockets::network::{
    Buffer, NetResult, Network, buffer_bytes, guest_address, hop_limit, is_unicast, local_address, remote_address,
    set_buffer_bytes, set_hop_limit,
};
use crate::streams::{InputStream, OutputStream, Owner};
use crate::types::{IpAddressFamily, IpSocketAddress, NetError, ShutdownType};

/// A TCP socket. It is closed when its handle, its streams and its pollables are gone.
pub(crate) struct TcpSocket {
    fd: u32,
    family: IpAddressFamily,
    state: State,
    backlog: i32,
    /// Whether what arrives is no longer of interest.
    pub(crate) is_deaf: bool,
}

/// How far a socket is. Binding and listening are done when they begin; that they are finished is only said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unbound,
    Binding,
    Bound,
    Connecting,
    Connected,
    ListenStarted,
    Listening,
    /// Connecting failed.
    Closed,
}

/// How many connections wait to be accepted unless a guest says something else.
const BACKLOG: i32 = 128;

/// The two streams of a connection.
type Streams = (Own<InputStream>, Own<OutputStream>);

impl State {
    /// Why an operation cannot begin.
    fn conflict(self) -> NetError {
        match self {
            State::Binding | State::Connecting | State::ListenStarted => NetError::ConcurrencyConflict,
            State::Unbound | State::Bound | State::Connected | State::Listening | State::Closed => {
                NetError::InvalidState
            }
        }
    }
}

impl WasiP2 {
    pub(crate) fn create_tcp_socket(&mut self, family: IpAddressFamily) -> NetResult<Own<TcpSocket>> {
        match self.new_socket(family, SocketType::STREAM)? {
            Ok(fd) => self.add_tcp(fd, family, State::Unbound).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn add_tcp(&mut self, fd: u32, family: IpAddressFamily, state: State) -> Outcome<Own<TcpSocket>> {
        self.tcp_sockets.insert(TcpSocket { fd, family, state, backlog: BACKLOG, is_deaf: false })
    }

    /// The socket, and the host's.
    fn tcp(&self, socket: Borrow<TcpSocket>) -> Outcome<(&TcpSocket, BorrowedFd<'_>)> {
        let socket = self.tcp_sockets.get(socket)?;
        Ok((socket, self.host_socket(socket.fd)?))
    }

    fn set_state(&mut self, socket: Borrow<TcpSocket>, state: State) -> Outcome<()> {
        self.tcp_sockets.get_mut(socket)?.state = state;
        Ok(())
    }

    /// Says that an operation is finished, if it was the one that had begun.
    fn finish(&mut self, socket: Borrow<TcpSocket>, begun: State, done: State) -> NetResult<()> {
        if self.tcp_sockets.get(socket)?.state != begun {
            return Ok(Err(NetError::NotInProgress));
        }
        self.set_state(socket, done).map(Ok)
    }

    pub(crate) fn tcp_start_bind(
        &mut self,
        socket: Borrow<TcpSocket>,
        _network: Borrow<Network>,
        address: IpSocketAddress,
    ) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        let bound = self.bind_tcp(tcp, host, address);
        if bound.is_ok() {
            self.set_state(socket, State::Binding)?;
        }
        Ok(bound)
    }

    fn bind_tcp(&self, tcp: &TcpSocket, host: BorrowedFd<'_>, address: IpSocketAddress) -> Result<(), NetError> {
        if tcp.state != State::Unbound {
            return Err(tcp.state.conflict());
        }
        let address = local_address(address, tcp.family)?;
        if !self.net.allows_bind(address) {
            return Err(NetError::AccessDenied);
        }
        // Otherwise a server could not start again while connections of the last one linger.
        sockopt::set_socket_reuseaddr(host, true)?;
        Ok(rustix::net::bind(host, &address)?)
    }

    pub(crate) fn tcp_finish_bind(&mut self, socket: Borrow<TcpSocket>) -> NetResult<()> {
        self.finish(socket, State::Binding, State::Bound)
    }

    pub(crate) fn tcp_start_connect(
        &mut self,
        socket: Borrow<TcpSocket>,
        _network: Borrow<Network>,
        address: IpSocketAddress,
    ) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        let address = match self.remote_of(tcp, address) {
            Ok(address) => address,
            Err(error) => return Ok(Err(error)),
        };
        let (state, result) = match rustix::net::connect(host, &address) {
            Ok(()) | Err(HostErrno::INPROGRESS) => (State::Connecting, Ok(())),
            Err(error) => (State::Closed, Err(error.into())),
        };
        self.set_state(socket, state)?;
        Ok(result)
    }

    fn remote_of(&self, tcp: &TcpSocket, address: IpSocketAddress) -> Result<SocketAddr, NetError> {
        if !matches!(tcp.state, State::Unbound | State::Bound) {
            return Err(tcp.state.conflict());
        }
        let address = remote_address(address, tcp.family)?;
        if !is_unicast(address.ip()) {
            return Err(NetError::InvalidArgument);
        }
        if self.net.allows(address) { Ok(address) } else { Err(NetError::AccessDenied) }
    }

    pub(crate) fn tcp_finish_connect(&mut self, socket: Borrow<TcpSocket>) -> NetResult<Streams> {
        let (tcp, host) = self.tcp(socket)?;
        if tcp.state != State::Connecting {
            return Ok(Err(NetError::NotInProgress));
        }
        let is_done = self.ctx.is_ready(WaitFor::Descriptor(tcp.fd, Direction::Write));
        if !or_trap(for_guest(is_done)?, "cannot poll")? {
            return Ok(Err(NetError::WouldBlock));
        }
        // A socket that could not connect becomes writable as well: the pending error tells which it was.
        if let Err(error) | Ok(Err(error)) = sockopt::socket_error(host) {
            self.set_state(socket, State::Closed)?;
            return Ok(Err(error.into()));
        }
        self.set_state(socket, State::Connected)?;
        self.tcp_streams(socket).map(Ok)
    }

    fn tcp_streams(&mut self, socket: Borrow<TcpSocket>) -> Outcome<Streams> {
        let (fd, owner) = (self.tcp_sockets.get(socket)?.fd, Owner::Tcp(socket));
        self.tcp_sockets.retain(socket)?;
        let input = self.inputs.insert(InputStream::new(fd, owner, Position::Current))?;
        self.tcp_sockets.retain(socket)?;
        let output = self.outputs.insert(OutputStream::new(fd, owner, Position::Current))?;
        Ok((input, output))
    }

    pub(crate) fn tcp_start_listen(&mut self, socket: Borrow<TcpSocket>) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        if tcp.state != State::Bound {
            return Ok(Err(tcp.state.conflict()));
        }
        let listening = rustix::net::listen(host, tcp.backlog);
        if listening.is_ok() {
            self.set_state(socket, State::ListenStarted)?;
        }
        Ok(listening.map_err(NetError::from))
    }

    pub(crate) fn tcp_finish_listen(&mut self, socket: Borrow<TcpSocket>) -> NetResult<()> {
        self.finish(socket, State::ListenStarted, State::Listening)
    }

    pub(crate) fn tcp_accept(
        &mut self,
        socket: Borrow<TcpSocket>,
    ) -> NetResult<(Own<TcpSocket>, Own<InputStream>, Own<OutputStream>)> {
        let (tcp, host) = self.tcp(socket)?;
        if tcp.state != State::Listening {
            return Ok(Err(NetError::InvalidState));
        }
        // Before a connection is taken from the queue.
        if self.ctx.check_room().is_err() {
            return Ok(Err(NetError::NewSocketLimit));
        }
        // Linux hands on none of the listening socket's flags.
        let accepted = match rustix::net::accept_with(host, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(accepted) => accepted,
            Err(error) => return Ok(Err(error.into())),
        };
        let family = tcp.family;
        let fd = self.add_socket(accepted)?;
        let accepted = self.add_tcp(fd, family, State::Connected)?;
        let (input, output) = self.tcp_streams(Borrow::new(accepted.rep))?;
        Ok(Ok((accepted, input, output)))
    }

    pub(crate) fn tcp_local_address(&mut self, socket: Borrow<TcpSocket>) -> NetResult<IpSocketAddress> {
        let (tcp, host) = self.tcp(socket)?;
        if matches!(tcp.state, State::Unbound | State::Binding | State::Closed) {
            return Ok(Err(NetError::InvalidState));
        }
        Ok(address_of(rustix::net::getsockname(host)))
    }

    pub(crate) fn tcp_remote_address(&mut self, socket: Borrow<TcpSocket>) -> NetResult<IpSocketAddress> {
        let (tcp, host) = self.tcp(socket)?;
        if tcp.state != State::Connected {
            return Ok(Err(NetError::InvalidState));
        }
        Ok(match rustix::net::getpeername(host) {
            Ok(Some(address)) => address_of(Ok(address)),
            Ok(None) => Err(NetError::InvalidState),
            Err(error) => Err(error.into()),
        })
    }

    pub(crate) fn tcp_is_listening(&mut self, socket: Borrow<TcpSocket>) -> Outcome<bool> {
        Ok(self.tcp_sockets.get(socket)?.state == State::Listening)
    }

    pub(crate) fn tcp_address_family(&mut self, socket: Borrow<TcpSocket>) -> Outcome<IpAddressFamily> {
        Ok(self.tcp_sockets.get(socket)?.family)
    }

    pub(crate) fn tcp_set_listen_backlog_size(&mut self, socket: Borrow<TcpSocket>, value: u64) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        if value == 0 {
            return Ok(Err(NetError::InvalidArgument));
        }
        let backlog = i32::try_from(value).unwrap_or(i32::MAX);
        match tcp.state {
            State::Connecting | State::Connected | State::Closed => return Ok(Err(NetError::InvalidState)),
            State::ListenStarted | State::Listening => {
                // Listening again changes the length of the queue and nothing else.
                if let Err(error) = rustix::net::listen(host, backlog) {
                    return Ok(Err(error.into()));
                }
            }
            State::Unbound | State::Binding | State::Bound => {}
        }
        self.tcp_sockets.get_mut(socket)?.backlog = backlog;
        Ok(Ok(()))
    }

    pub(crate) fn tcp_keep_alive_enabled(&mut self, socket: Borrow<TcpSocket>) -> NetResult<bool> {
        Ok(sockopt::socket_keepalive(self.tcp(socket)?.1).map_err(NetError::from))
    }

    pub(crate) fn tcp_set_keep_alive_enabled(&mut self, socket: Borrow<TcpSocket>, value: bool) -> NetResult<()> {
        Ok(sockopt::set_socket_keepalive(self.tcp(socket)?.1, value).map_err(NetError::from))
    }

    pub(crate) fn tcp_keep_alive_idle_time(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u64> {
        Ok(sockopt::tcp_keepidle(self.tcp(socket)?.1).map(nanoseconds).map_err(NetError::from))
    }

    pub(crate) fn tcp_set_keep_alive_idle_time(&mut self, socket: Borrow<TcpSocket>, value: u64) -> NetResult<()> {
        let (_, host) = self.tcp(socket)?;
        Ok(keep_alive_time(value).and_then(|time| Ok(sockopt::set_tcp_keepidle(host, time)?)))
    }

    pub(crate) fn tcp_keep_alive_interval(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u64> {
        Ok(sockopt::tcp_keepintvl(self.tcp(socket)?.1).map(nanoseconds).map_err(NetError::from))
    }

    pub(crate) fn tcp_set_keep_alive_interval(&mut self, socket: Borrow<TcpSocket>, value: u64) -> NetResult<()> {
        let (_, host) = self.tcp(socket)?;
        Ok(keep_alive_time(value).and_then(|time| Ok(sockopt::set_tcp_keepintvl(host, time)?)))
    }

    pub(crate) fn tcp_keep_alive_count(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u32> {
        Ok(sockopt::tcp_keepcnt(self.tcp(socket)?.1).map_err(NetError::from))
    }

    pub(crate) fn tcp_set_keep_alive_count(&mut self, socket: Borrow<TcpSocket>, value: u32) -> NetResult<()> {
        let (_, host) = self.tcp(socket)?;
        if value == 0 {
            return Ok(Err(NetError::InvalidArgument));
        }
        Ok(sockopt::set_tcp_keepcnt(host, value.min(KEEP_ALIVE_COUNT_MAX)).map_err(NetError::from))
    }

    pub(crate) fn tcp_hop_limit(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u8> {
        let (tcp, host) = self.tcp(socket)?;
        Ok(hop_limit(host, tcp.family).map_err(NetError::from))
    }

    pub(crate) fn tcp_set_hop_limit(&mut self, socket: Borrow<TcpSocket>, value: u8) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        Ok(set_hop_limit(host, tcp.family, value))
    }

    pub(crate) fn tcp_receive_buffer_size(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u64> {
        Ok(buffer_bytes(self.tcp(socket)?.1, Buffer::Receive))
    }

    pub(crate) fn tcp_set_receive_buffer_size(&mut self, socket: Borrow<TcpSocket>, value: u64) -> NetResult<()> {
        Ok(set_buffer_bytes(self.tcp(socket)?.1, Buffer::Receive, value))
    }

    pub(crate) fn tcp_send_buffer_size(&mut self, socket: Borrow<TcpSocket>) -> NetResult<u64> {
        Ok(buffer_bytes(self.tcp(socket)?.1, Buffer::Send))
    }

    pub(crate) fn tcp_set_send_buffer_size(&mut self, socket: Borrow<TcpSocket>, value: u64) -> NetResult<()> {
        Ok(set_buffer_bytes(self.tcp(socket)?.1, Buffer::Send, value))
    }

    pub(crate) fn tcp_subscribe(&mut self, socket: Borrow<TcpSocket>) -> Outcome<Own<Pollable>> {
        self.tcp_sockets.retain(socket)?;
        self.pollables.insert(Pollable::Tcp(socket))
    }

    pub(crate) fn tcp_source(&self, socket: Borrow<TcpSocket>) -> Outcome<WaitFor> {
        let tcp = self.tcp_sockets.get(socket)?;
        Ok(match tcp.state {
            State::Connecting => WaitFor::Descriptor(tcp.fd, Direction::Write),
            State::Listening => WaitFor::Descriptor(tcp.fd, Direction::Read),
            State::Unbound
            | State::Binding
            | State::Bound
            | State::Connected
            | State::ListenStarted
            | State::Closed => WaitFor::Ready,
        })
    }

    pub(crate) fn tcp_shutdown(&mut self, socket: Borrow<TcpSocket>, how: ShutdownType) -> NetResult<()> {
        let (tcp, host) = self.tcp(socket)?;
        if tcp.state != State::Connected {
            return Ok(Err(NetError::InvalidState));
        }
        let (host_how, is_deaf) = match how {
            ShutdownType::Receive => (Shutdown::Read, true),
            ShutdownType::Send => (Shutdown::Write, false),
            ShutdownType::Both => (Shutdown::Both, true),
        };
        let result = match rustix::net::shutdown(host, host_how) {
            // The other side was quicker.
            Err(HostErrno::NOTCONN) => Ok(()),
            result => result.map_err(NetError::from),
        };
        self.tcp_sockets.get_mut(socket)?.is_deaf |= is_deaf;
        Ok(result)
    }

    pub(crate) fn drop_tcp(&mut self, socket: Own<TcpSocket>) -> Outcome<()> {
        self.release_tcp(Borrow::new(socket.rep))
    }

    pub(crate) fn release_tcp(&mut self, socket: Borrow<TcpSocket>) -> Outcome<()> {
        match self.tcp_sockets.release(socket)? {
            Some(tcp) => self.close(tcp.fd),
            None => Ok(()),
        }
    }
}

/// The most that the host takes.
const KEEP_ALIVE_COUNT_MAX: u32 = 127;
const KEEP_ALIVE_SECONDS_MAX: u64 = 32_767;

/// Whole seconds, at least one.
fn keep_alive_time(ns: u64) -> Result<Duration, NetError> {
    match ns {
        0 => Err(NetError::InvalidArgument),
        // The definition lets hosts round, but not to zero.
        _ => Ok(Duration::from_secs(ns.div_ceil(1_000_000_000).min(KEEP_ALIVE_SECONDS_MAX))),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn address_of(address: rustix::io::Result<rustix::net::SocketAddrAny>) -> Result<IpSocketAddress, NetError> {
    Ok(guest_address(SocketAddr::try_from(address?)?))
}

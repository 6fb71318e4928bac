//! `wasi:sockets/network`: addresses, errors, and what TCP and UDP have in common.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno as HostErrno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use wasmer_component::{Borrow, Own};
use wasmer_wasi::Errno;

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap};
use crate::io::IoError;
use crate::types::{IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, NetError};

/// Access to the network: there is one, and what it reaches the grants say.
pub(crate) struct Network;

/// What functions of sockets return.
pub(crate) type NetResult<T> = Outcome<Result<T, NetError>>;

impl WasiP2 {
    pub(crate) fn instance_network(&mut self) -> Outcome<Own<Network>> {
        Ok(Own::new(0))
    }

    pub(crate) fn drop_network(&mut self, _network: Own<Network>) -> Outcome<()> {
        Ok(())
    }

    pub(crate) fn network_error_code(&mut self, error: Borrow<IoError>) -> Outcome<Option<NetError>> {
        Ok(match self.errors.get(error)? {
            IoError::Network(errno) => Some((*errno).into()),
            IoError::File(_) | IoError::Host(_) => None,
        })
    }

    /// Makes a socket and puts it into the table.
    pub(crate) fn new_socket(&mut self, family: IpAddressFamily, ty: SocketType) -> NetResult<u32> {
        if self.ctx.check_room().is_err() {
            return Ok(Err(NetError::NewSocketLimit));
        }
        match make_socket(family, ty) {
            Ok(socket) => self.add_socket(socket).map(Ok),
            Err(error) => Ok(Err(error.into())),
        }
    }

    pub(crate) fn add_socket(&mut self, socket: OwnedFd) -> Outcome<u32> {
        or_trap(for_guest(self.ctx.add_socket(socket))?, "cannot keep a socket")
    }

    pub(crate) fn host_socket(&self, fd: u32) -> Outcome<BorrowedFd<'_>> {
        or_trap(for_guest(self.ctx.socket(fd))?, "a socket is gone")
    }
}

fn make_socket(family: IpAddressFamily, ty: SocketType) -> rustix::io::Result<OwnedFd> {
    let host = match family {
        IpAddressFamily::Ipv4 => AddressFamily::INET,
        IpAddressFamily::Ipv6 => AddressFamily::INET6,
    };
    let socket = socket_with(host, ty, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if family == IpAddressFamily::Ipv6 {
        // Else an address of IPv4 could be reached in the form of IPv6, past the rules for it.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

/// An address for binding, if it is one.
pub(crate) fn local_address(address: IpSocketAddress, family: IpAddressFamily) -> Result<SocketAddr, NetError> {
    let address = host_address(address, family)?;
    if is_unicast(address.ip()) { Ok(address) } else { Err(NetError::InvalidArgument) }
}

/// An address for connecting or sending, if it is one.
pub(crate) fn remote_address(address: IpSocketAddress, family: IpAddressFamily) -> Result<SocketAddr, NetError> {
    let address = host_address(address, family)?;
    if address.ip().is_unspecified() || address.port() == 0 { Err(NetError::InvalidArgument) } else { Ok(address) }
}

/// An address of a socket's family. One of IPv4 in the clothes of IPv6 is none: sockets of IPv6 speak nothing else.
fn host_address(address: IpSocketAddress, family: IpAddressFamily) -> Result<SocketAddr, NetError> {
    match (address, family) {
        (IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (a, b, c, d) }), IpAddressFamily::Ipv4) => {
            Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into())
        }
        (IpSocketAddress::Ipv6(address), IpAddressFamily::Ipv6) => {
            let (a, b, c, d, e, f, g, h) = address.address;
            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            if ip.to_ipv4_mapped().is_some() {
                return Err(NetError::InvalidArgument);
            }
            Ok(SocketAddrV6::new(ip, address.port, address.flow_info, address.scope_id).into())
        }
        _ => Err(NetError::InvalidArgument),
    }
}

pub(crate) fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_multicast(),
    }
}

/// An address as a guest sees it.
pub(crate) fn guest_address(address: SocketAddr) -> IpSocketAddress {
    match (guest_ip(address.ip()), address) {
        (IpAddress::Ipv4(address), host) => IpSocketAddress::Ipv4(Ipv4SocketAddress { port: host.port(), address }),
        (IpAddress::Ipv6(address), host) => {
            let (flow_info, scope_id) = match host {
                SocketAddr::V6(host) => (host.flowinfo(), host.scope_id()),
                SocketAddr::V4(_) => (0, 0),
            };
            IpSocketAddress::Ipv6(Ipv6SocketAddress { port: host.port(), flow_info, address, scope_id })
        }
    }
}

pub(crate) fn guest_ip(ip: IpAddr) -> IpAddress {
    match ip {
        IpAddr::V4(ip) => IpAddress::Ipv4(ip.octets().into()),
        IpAddr::V6(ip) => IpAddress::Ipv6(ip.segments().into()),
    }
}

// Options that both kinds of sockets have.

pub(crate) fn hop_limit(socket: BorrowedFd<'_>, family: IpAddressFamily) -> rustix::io::Result<u8> {
    match family {
        IpAddressFamily::Ipv4 => Ok(sockopt::ip_ttl(socket)?.try_into().unwrap_or(u8::MAX)),
        IpAddressFamily::Ipv6 => sockopt::ipv6_unicast_hops(socket),
    }
}

pub(crate) fn set_hop_limit(socket: BorrowedFd<'_>, family: IpAddressFamily, value: u8) -> Result<(), NetError> {
    if value == 0 {
        return Err(NetError::InvalidArgument);
    }
    Ok(match family {
        IpAddressFamily::Ipv4 => sockopt::set_ip_ttl(socket, value.into()),
        IpAddressFamily::Ipv6 => sockopt::set_ipv6_unicast_hops(socket, Some(value)),
    }?)
}

/// Which buffer of a socket.
#[derive(Clone, Copy)]
pub(crate) enum Buffer {
    Receive,
    Send,
}

/// The host says twice what can be used: it counts its own records.
pub(crate) fn buffer_bytes(socket: BorrowedFd<'_>, which: Buffer) -> Result<u64, NetError> {
    let bytes = match which {
        Buffer::Receive => sockopt::socket_recv_buffer_size(socket)?,
        Buffer::Send => sockopt::socket_send_buffer_size(socket)?,
    };
    Ok(bytes as u64 / 2)
}

pub(crate) fn set_buffer_bytes(socket: BorrowedFd<'_>, which: Buffer, value: u64) -> Result<(), NetError> {
    if value == 0 {
        return Err(NetError::InvalidArgument);
    }
    // The system doubles what it is given, in 32 bits.
    let bytes = usize::try_from(value).unwrap_or(usize::MAX).min(i32::MAX as usize / 2);
    Ok(match which {
        Buffer::Receive => sockopt::set_socket_recv_buffer_size(socket, bytes),
        Buffer::Send => sockopt::set_socket_send_buffer_size(socket, bytes),
    }?)
}

impl From<HostErrno> for NetError {
    fn from(errno: HostErrno) -> NetError {
        Errno::from(errno).into()
    }
}

impl From<Errno> for NetError {
    fn from(errno: Errno) -> NetError {
        match errno {
            Errno::Acces | Errno::Perm | Errno::Notcapable => NetError::AccessDenied,
            Errno::Notsup | Errno::Nosys | Errno::Afnosupport | Errno::Protonosupport | Errno::Noprotoopt => {
                NetError::NotSupported
            }
            Errno::Inval | Errno::Destaddrreq => NetError::InvalidArgument,
            // Nothing more may be sent, like a full buffer that never empties.
            Errno::Nomem | Errno::Nobufs | Errno::Nospc => NetError::OutOfMemory,
            Errno::Timedout => NetError::Timeout,
            Errno::Already => NetError::ConcurrencyConflict,
            Errno::Again | Errno::Inprogress => NetError::WouldBlock,
            Errno::Isconn | Errno::Notconn => NetError::InvalidState,
            Errno::Mfile | Errno::Nfile => NetError::NewSocketLimit,
            Errno::Addrnotavail => NetError::AddressNotBindable,
            Errno::Addrinuse => NetError::AddressInUse,
            Errno::Hostunreach | Errno::Netunreach | Errno::Netdown => NetError::RemoteUnreachable,
            Errno::Connrefused => NetError::ConnectionRefused,
            Errno::Connreset | Errno::Netreset => NetError::ConnectionReset,
            Errno::Connaborted => NetError::ConnectionAborted,
            Errno::Msgsize => NetError::DatagramTooLarge,
            _ => NetError::Unknown,
        }
    }
}

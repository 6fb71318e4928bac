//! `wasi:sockets/udp`.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::io::Errno as HostErrno;
use rustix::net::{RecvFlags, SendFlags, SocketType};
use wasmer_component::{Borrow, Own};
use wasmer_wasi::ops::{Direction, WaitFor};

use crate::ctx::WasiP2;
use crate::failure::{Outcome, for_guest, or_trap, trap};
use crate::io::Pollable;
use crate::sockets::network::{
    Buffer, NetResult, Network, buffer_bytes, guest_address, hop_limit, local_address, remote_address,
    set_buffer_bytes, set_hop_limit,
};
use crate::sockets::tcp::address_of;
use crate::types::{IncomingDatagram, IpAddressFamily, IpSocketAddress, NetError, OutgoingDatagram};

/// A UDP socket. It is closed when its handle, its streams and its pollables are gone.
pub(crate) struct UdpSocket {
    fd: u32,
    family: IpAddressFamily,
    state: State,
    remote: Option<SocketAddr>,
    /// Counts its pairs of streams: only those of the last one work.
    pair: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unbound,
    Binding,
    Bound,
}

/// Datagrams that arrive.
pub(crate) struct IncomingDatagramStream {
    socket: Borrow<UdpSocket>,
    pair: u32,
}

/// Datagrams to be sent.
pub(crate) struct OutgoingDatagramStream {
    socket: Borrow<UdpSocket>,
    pair: u32,
    /// How many the guest may still send after it asked.
    permit: u64,
}

/// The most datagrams of one call.
const DATAGRAMS_MAX: u64 = 16;

/// No datagram is larger.
const DATAGRAM_BYTES_MAX: usize = 1 << 16;

impl WasiP2 {
    pub(crate) fn create_udp_socket(&mut self, family: IpAddressFamily) -> NetResult<Own<UdpSocket>> {
        match self.new_socket(family, SocketType::DGRAM)? {
            Ok(fd) => {
                let socket = UdpSocket { fd, family, state: State::Unbound, remote: None, pair: 0 };
                self.udp_sockets.insert(socket).map(Ok)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn udp(&self, socket: Borrow<UdpSocket>) -> Outcome<(&UdpSocket, BorrowedFd<'_>)> {
        let socket = self.udp_sockets.get(socket)?;
        Ok((socket, self.host_socket(socket.fd)?))
    }

    pub(crate) fn udp_start_bind(
        &mut self,
        socket: Borrow<UdpSocket>,
        _network: Borrow<Network>,
        address: IpSocketAddress,
    ) -> NetResult<()> {
        let (udp, host) = self.udp(socket)?;
        let bound = self.bind_udp(udp, host, address);
        if bound.is_ok() {
            self.udp_sockets.get_mut(socket)?.state = State::Binding;
        }
        Ok(bound)
    }

    fn bind_udp(&self, udp: &UdpSocket, host: BorrowedFd<'_>, address: IpSocketAddress) -> Result<(), NetError> {
        match udp.state {
            State::Unbound => {}
            State::Binding => return Err(NetError::ConcurrencyConflict),
            State::Bound => return Err(NetError::InvalidState),
        }
        let address = local_address(address, udp.family)?;
        if !self.net.allows_bind(address) {
            return Err(NetError::AccessDenied);
        }
        Ok(rustix::net::bind(host, &address)?)
    }

    pub(crate) fn udp_finish_bind(&mut self, socket: Borrow<UdpSocket>) -> NetResult<()> {
        let udp = self.udp_sockets.get_mut(socket)?;
        if udp.state != State::Binding {
            return Ok(Err(NetError::NotInProgress));
        }
        udp.state = State::Bound;
        Ok(Ok(()))
    }

    pub(crate) fn udp_stream(
        &mut self,
        socket: Borrow<UdpSocket>,
        remote: Option<IpSocketAddress>,
    ) -> NetResult<(Own<IncomingDatagramStream>, Own<OutgoingDatagramStream>)> {
        let (udp, host) = self.udp(socket)?;
        let remote = match self.udp_remote_of(udp, remote) {
            Ok(remote) => remote,
            Err(error) => return Ok(Err(error)),
        };
        let associated = associate(host, udp.remote.is_some(), remote);
        // Whether or not the system takes the new address, the last one is gone, and so are its streams.
        let udp = self.udp_sockets.get_mut(socket)?;
        udp.remote = remote.filter(|_| associated.is_ok());
        udp.pair += 1;
        let pair = udp.pair;
        if let Err(error) = associated {
            return Ok(Err(error.into()));
        }
        self.udp_sockets.retain(socket)?;
        let incoming = self.incoming.insert(IncomingDatagramStream { socket, pair })?;
        self.udp_sockets.retain(socket)?;
        let outgoing = self.outgoing.insert(OutgoingDatagramStream { socket, pair, permit: 0 })?;
        Ok(Ok((incoming, outgoing)))
    }

    /// The address that a socket is to be associated with, if it may be.
    fn udp_remote_of(&self, udp: &UdpSocket, remote: Option<IpSocketAddress>) -> Result<Option<SocketAddr>, NetError> {
        if udp.state != State::Bound {
            return Err(NetError::InvalidState);
        }
        let remote = remote.map(|remote| remote_address(remote, udp.family)).transpose()?;
        if remote.is_some_and(|remote| !self.net.allows(remote)) {
            return Err(NetError::AccessDenied);
        }
        Ok(remote)
    }

    pub(crate) fn udp_receive(
        &mut self,
        stream: Borrow<IncomingDatagramStream>,
        max_results: u64,
    ) -> NetResult<Vec<IncomingDatagram>> {
        let IncomingDatagramStream { socket, pair } = *self.incoming.get(stream)?;
        let (udp, host) = self.udp(socket)?;
        if udp.pair != pair {
            return Ok(Err(NetError::InvalidState));
        }
        let mut datagrams = Vec::new();
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        while (datagrams.len() as u64) < max_results.min(DATAGRAMS_MAX) {
            match receive(host, &mut buffer) {
                Ok(datagram) => datagrams.push(datagram),
                Err(HostErrno::INTR) => {}
                Err(HostErrno::AGAIN) => break,
                // It comes back at the next call, or is of no interest any more.
                Err(_) if !datagrams.is_empty() => break,
                Err(error) => return Ok(Err(error.into())),
            }
        }
        Ok(Ok(datagrams))
    }

    pub(crate) fn udp_check_send(&mut self, stream: Borrow<OutgoingDatagramStream>) -> NetResult<u64> {
        let OutgoingDatagramStream { socket, pair, .. } = *self.outgoing.get(stream)?;
        let (udp, _) = self.udp(socket)?;
        if udp.pair != pair {
            return Ok(Err(NetError::InvalidState));
        }
        let is_ready = self.ctx.is_ready(WaitFor::Descriptor(udp.fd, Direction::Write));
        let permit = if or_trap(for_guest(is_ready)?, "cannot poll")? { DATAGRAMS_MAX } else { 0 };
        self.outgoing.get_mut(stream)?.permit = permit;
        Ok(Ok(permit))
    }

    pub(crate) fn udp_send(
        &mut self,
        stream: Borrow<OutgoingDatagramStream>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> NetResult<u64> {
        let OutgoingDatagramStream { socket, pair, permit } = *self.outgoing.get(stream)?;
        let count = datagrams.len() as u64;
        let left = permit.checked_sub(count);
        let left =
            left.ok_or_else(|| trap(format!("{count} datagrams were sent where `check-send` permitted {permit}")))?;
        self.outgoing.get_mut(stream)?.permit = left;
        if self.udp(socket)?.0.pair != pair {
            return Ok(Err(NetError::InvalidState));
        }
        let mut sent = 0;
        for datagram in &datagrams {
            match self.send_one(socket, datagram)? {
                Ok(()) => sent += 1,
                Err(NetError::WouldBlock) => break,
                Err(_) if sent > 0 => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(sent))
    }

    fn send_one(&mut self, socket: Borrow<UdpSocket>, datagram: &OutgoingDatagram) -> NetResult<()> {
        let (udp, _) = self.udp(socket)?;
        let (fd, remote) = (udp.fd, udp.remote);
        let to = match self.receiver(udp, datagram.remote_address) {
            Ok(to) => to,
            Err(error) => return Ok(Err(error)),
        };
        // Paid before it is sent: a datagram cannot be called back.
        if let Err(errno) = self.ctx.spend_output(datagram.data.len() as u64) {
            return Ok(Err(errno.into()));
        }
        let (host, flags) = (self.host_socket(fd)?, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        let sent = match remote {
            // A connected socket takes no address on some systems, even if it is the same.
            Some(_) => rustix::net::send(host, &datagram.data, flags),
            None => rustix::net::sendto(host, &datagram.data, flags, &to),
        };
        Ok(sent.map(drop).map_err(NetError::from))
    }

    /// Where a datagram goes.
    fn receiver(&self, udp: &UdpSocket, address: Option<IpSocketAddress>) -> Result<SocketAddr, NetError> {
        let address = address.map(|address| remote_address(address, udp.family)).transpose()?;
        match (udp.remote, address) {
            (Some(remote), None) => Ok(remote),
            (Some(remote), Some(address)) if remote == address => Ok(remote),
            (Some(_), Some(_)) | (None, None) => Err(NetError::InvalidArgument),
            (None, Some(address)) if self.net.allows(address) => Ok(address),
            (None, Some(_)) => Err(NetError::AccessDenied),
        }
    }

    pub(crate) fn udp_local_address(&mut self, socket: Borrow<UdpSocket>) -> NetResult<IpSocketAddress> {
        let (udp, host) = self.udp(socket)?;
        if udp.state != State::Bound {
            return Ok(Err(NetError::InvalidState));
        }
        Ok(address_of(rustix::net::getsockname(host)))
    }

    pub(crate) fn udp_remote_address(&mut self, socket: Borrow<UdpSocket>) -> NetResult<IpSocketAddress> {
        let (udp, _) = self.udp(socket)?;
        Ok(udp.remote.map(guest_address).ok_or(NetError::InvalidState))
    }

    pub(crate) fn udp_address_family(&mut self, socket: Borrow<UdpSocket>) -> Outcome<IpAddressFamily> {
        Ok(self.udp_sockets.get(socket)?.family)
    }

    pub(crate) fn udp_unicast_hop_limit(&mut self, socket: Borrow<UdpSocket>) -> NetResult<u8> {
        let (udp, host) = self.udp(socket)?;
        Ok(hop_limit(host, udp.family).map_err(NetError::from))
    }

    pub(crate) fn udp_set_unicast_hop_limit(&mut self, socket: Borrow<UdpSocket>, value: u8) -> NetResult<()> {
        let (udp, host) = self.udp(socket)?;
        Ok(set_hop_limit(host, udp.family, value))
    }

    pub(crate) fn udp_receive_buffer_size(&mut self, socket: Borrow<UdpSocket>) -> NetResult<u64> {
        Ok(buffer_bytes(self.udp(socket)?.1, Buffer::Receive))
    }

    pub(crate) fn udp_set_receive_buffer_size(&mut self, socket: Borrow<UdpSocket>, value: u64) -> NetResult<()> {
        Ok(set_buffer_bytes(self.udp(socket)?.1, Buffer::Receive, value))
    }

    pub(crate) fn udp_send_buffer_size(&mut self, socket: Borrow<UdpSocket>) -> NetResult<u64> {
        Ok(buffer_bytes(self.udp(socket)?.1, Buffer::Send))
    }

    pub(crate) fn udp_set_send_buffer_size(&mut self, socket: Borrow<UdpSocket>, value: u64) -> NetResult<()> {
        Ok(set_buffer_bytes(self.udp(socket)?.1, Buffer::Send, value))
    }

    /// A socket's own pollable is for binding, which is done at once.
    pub(crate) fn udp_subscribe(&mut self, _socket: Borrow<UdpSocket>) -> Outcome<Own<Pollable>> {
        self.pollables.insert(Pollable::Ready)
    }

    pub(crate) fn udp_subscribe_incoming(&mut self, stream: Borrow<IncomingDatagramStream>) -> Outcome<Own<Pollable>> {
        let socket = self.incoming.get(stream)?.socket;
        self.udp_sockets.retain(socket)?;
        self.pollables.insert(Pollable::Udp(socket, Direction::Read))
    }

    pub(crate) fn udp_subscribe_outgoing(&mut self, stream: Borrow<OutgoingDatagramStream>) -> Outcome<Own<Pollable>> {
        let socket = self.outgoing.get(stream)?.socket;
        self.udp_sockets.retain(socket)?;
        self.pollables.insert(Pollable::Udp(socket, Direction::Write))
    }

    pub(crate) fn udp_source(&self, socket: Borrow<UdpSocket>, direction: Direction) -> Outcome<WaitFor> {
        Ok(WaitFor::Descriptor(self.udp_sockets.get(socket)?.fd, direction))
    }

    pub(crate) fn drop_udp(&mut self, socket: Own<UdpSocket>) -> Outcome<()> {
        self.release_udp(Borrow::new(socket.rep))
    }

    pub(crate) fn release_udp(&mut self, socket: Borrow<UdpSocket>) -> Outcome<()> {
        match self.udp_sockets.release(socket)? {
            Some(udp) => self.close(udp.fd),
            None => Ok(()),
        }
    }

    pub(crate) fn drop_incoming(&mut self, stream: Own<IncomingDatagramStream>) -> Outcome<()> {
        match self.incoming.release(Borrow::new(stream.rep))? {
            Some(stream) => self.release_udp(stream.socket),
            None => Ok(()),
        }
    }

    pub(crate) fn drop_outgoing(&mut self, stream: Own<OutgoingDatagramStream>) -> Outcome<()> {
        match self.outgoing.release(Borrow::new(stream.rep))? {
            Some(stream) => self.release_udp(stream.socket),
            None => Ok(()),
        }
    }
}

/// Ties the host's socket to an address, or to none.
fn associate(host: BorrowedFd<'_>, is_associated: bool, remote: Option<SocketAddr>) -> rustix::io::Result<()> {
    if is_associated {
        // First, or the system would keep the local address that it chose for the last one, from which the next may not be reached.
        rustix::net::connect_unspec(host)?;
    }
    match remote {
        Some(remote) => rustix::net::connect(host, &remote),
        None => Ok(()),
    }
}

fn receive(host: BorrowedFd<'_>, buffer: &mut [u8]) -> rustix::io::Result<IncomingDatagram> {
    let (_, len, from) = rustix::net::recvfrom(host, &mut *buffer, RecvFlags::DONTWAIT)?;
    let from = SocketAddr::try_from(from.ok_or(HostErrno::AFNOSUPPORT)?)?;
    Ok(IncomingDatagram { data: buffer[..len.min(buffer.len())].to_vec(), remote_address: guest_address(from) })
}

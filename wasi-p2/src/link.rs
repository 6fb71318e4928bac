//! The table of all functions and resources by their names in WIT, from which a linker is filled.

use wasmer_api::Result;
use wasmer_component::{Component, ComponentLinker};

use crate::cli::{TerminalInput, TerminalOutput};
use crate::ctx::WasiP2;
use crate::filesystem::{Descriptor, DirectoryEntryStream};
use crate::io::{IoError, Pollable};
use crate::sockets::{
    IncomingDatagramStream, Network, OutgoingDatagramStream, ResolveAddressStream, TcpSocket, UdpSocket,
};
use crate::streams::{InputStream, OutputStream};

/// The version whose interfaces are provided. A component that imports an earlier 0.2 finds them, too.
pub const VERSION: &str = "0.2.12";

/// Defines everything that `wasi:cli/command` imports, for components whose state `context` finds in the store's data.
pub fn add_to_linker<T: 'static>(
    linker: &mut ComponentLinker<T>,
    context: impl Fn(&mut T) -> &mut WasiP2 + Copy + Send + Sync + 'static,
) -> Result<()> {
    linker.add_library(command, context)
}

/// As [`add_to_linker`], but only for what `component` imports: for starts of which every microsecond counts.
pub fn add_imports_to_linker<T: 'static>(
    linker: &mut ComponentLinker<T>,
    component: &Component,
    context: impl Fn(&mut T) -> &mut WasiP2 + Copy + Send + Sync + 'static,
) -> Result<()> {
    linker.add_library_imports(command, component, context)
}

wasmer_component::interfaces! {
    /// All interfaces of `wasi:cli/command`.
    fn command for WasiP2, "0.2.12";

    io {
        "wasi:io/error" {
            resource "error": IoError = drop_error;
            "[method]error.to-debug-string": describe_error(error);
        }
        "wasi:io/poll" {
            resource "pollable": Pollable = drop_pollable;
            "[method]pollable.ready": ready(pollable);
            "[method]pollable.block": block(pollable);
            "poll": poll(pollables);
        }
        "wasi:io/streams" {
            resource "input-stream": InputStream = drop_input;
            resource "output-stream": OutputStream = drop_output;
            "[method]input-stream.read": read(stream, len);
            "[method]input-stream.blocking-read": blocking_read(stream, len);
            "[method]input-stream.skip": skip(stream, len);
            "[method]input-stream.blocking-skip": blocking_skip(stream, len);
            "[method]input-stream.subscribe": subscribe_input(stream);
            "[method]output-stream.check-write": check_write(stream);
            "[method]output-stream.write": write(stream; bytes);
            "[method]output-stream.blocking-write-and-flush": blocking_write_and_flush(stream; bytes);
            "[method]output-stream.flush": flush(stream);
            "[method]output-stream.blocking-flush": blocking_flush(stream);
            "[method]output-stream.subscribe": subscribe_output(stream);
            "[method]output-stream.write-zeroes": write_zeroes(stream, len);
            "[method]output-stream.blocking-write-zeroes-and-flush": blocking_write_zeroes_and_flush(stream, len);
            "[method]output-stream.splice": splice(to, from, len);
            "[method]output-stream.blocking-splice": blocking_splice(to, from, len);
        }
    }
    cli {
        "wasi:cli/environment" {
            "get-environment": get_environment();
            "get-arguments": get_arguments();
            "initial-cwd": initial_cwd();
        }
        "wasi:cli/exit" {
            "exit": exit(status);
            "exit-with-code": exit_with_code(code);
        }
        "wasi:cli/stdin" {
            "get-stdin": get_stdin();
        }
        "wasi:cli/stdout" {
            "get-stdout": get_stdout();
        }
        "wasi:cli/stderr" {
            "get-stderr": get_stderr();
        }
        "wasi:cli/terminal-input" {
            resource "terminal-input": TerminalInput = drop_terminal_input;
        }
        "wasi:cli/terminal-output" {
            resource "terminal-output": TerminalOutput = drop_terminal_output;
        }
        "wasi:cli/terminal-stdin" {
            "get-terminal-stdin": get_terminal_stdin();
        }
        "wasi:cli/terminal-stdout" {
            "get-terminal-stdout": get_terminal_stdout();
        }
        "wasi:cli/terminal-stderr" {
            "get-terminal-stderr": get_terminal_stderr();
        }
    }
    clocks {
        "wasi:clocks/monotonic-clock" {
            "now": monotonic_now();
            "resolution": monotonic_resolution();
            "subscribe-instant": subscribe_instant(when);
            "subscribe-duration": subscribe_duration(wait);
        }
        "wasi:clocks/wall-clock" {
            "now": wall_now();
            "resolution": wall_resolution();
        }
    }
    random {
        "wasi:random/random" {
            "get-random-bytes": random_bytes(len);
            "get-random-u64": random_u64();
        }
        "wasi:random/insecure" {
            "get-insecure-random-bytes": random_bytes(len);
            "get-insecure-random-u64": random_u64();
        }
        "wasi:random/insecure-seed" {
            "insecure-seed": insecure_seed();
        }
    }
    filesystem {
        "wasi:filesystem/types" {
            resource "descriptor": Descriptor = drop_descriptor;
            resource "directory-entry-stream": DirectoryEntryStream = drop_listing;
            "[method]descriptor.read-via-stream": read_via_stream(descriptor, offset);
            "[method]descriptor.write-via-stream": write_via_stream(descriptor, offset);
            "[method]descriptor.append-via-stream": append_via_stream(descriptor);
            "[method]descriptor.advise": advise(descriptor, offset, len, advice);
            "[method]descriptor.sync-data": sync_data(descriptor);
            "[method]descriptor.get-flags": get_flags(descriptor);
            "[method]descriptor.get-type": get_type(descriptor);
            "[method]descriptor.set-size": set_size(descriptor, size);
            "[method]descriptor.set-times": set_times(descriptor, accessed, modified);
            "[method]descriptor.read": read_file(descriptor, len, offset);
            "[method]descriptor.write": write_file(descriptor; bytes, offset);
            "[method]descriptor.read-directory": read_directory(descriptor);
            "[method]descriptor.sync": sync(descriptor);
            "[method]descriptor.create-directory-at": create_directory_at(descriptor, path);
            "[method]descriptor.stat": stat(descriptor);
            "[method]descriptor.stat-at": stat_at(descriptor, how, path);
            "[method]descriptor.set-times-at": set_times_at(descriptor, how, path, accessed, modified);
            "[method]descriptor.link-at": link_at(descriptor, how, old_path, to, new_path);
            "[method]descriptor.open-at": open_at(descriptor, how, path, open, flags);
            "[method]descriptor.readlink-at": readlink_at(descriptor, path);
            "[method]descriptor.remove-directory-at": remove_directory_at(descriptor, path);
            "[method]descriptor.rename-at": rename_at(descriptor, old_path, to, new_path);
            "[method]descriptor.symlink-at": symlink_at(descriptor, target, path);
            "[method]descriptor.unlink-file-at": unlink_file_at(descriptor, path);
            "[method]descriptor.is-same-object": is_same_object(descriptor, other);
            "[method]descriptor.metadata-hash": metadata_hash(descriptor);
            "[method]descriptor.metadata-hash-at": metadata_hash_at(descriptor, how, path);
            "[method]directory-entry-stream.read-directory-entry": read_directory_entry(listing);
            "filesystem-error-code": filesystem_error_code(error);
        }
        "wasi:filesystem/preopens" {
            "get-directories": get_directories();
        }
    }
    sockets {
        "wasi:sockets/network" {
            resource "network": Network = drop_network;
            "network-error-code": network_error_code(error);
        }
        "wasi:sockets/instance-network" {
            "instance-network": instance_network();
        }
        "wasi:sockets/ip-name-lookup" {
            resource "resolve-address-stream": ResolveAddressStream = drop_lookup;
            "[method]resolve-address-stream.resolve-next-address": resolve_next_address(lookup);
            "[method]resolve-address-stream.subscribe": lookup_subscribe(lookup);
            "resolve-addresses": resolve_addresses(network, name);
        }
    }
    tcp {
        "wasi:sockets/tcp" {
            resource "tcp-socket": TcpSocket = drop_tcp;
            "[method]tcp-socket.start-bind": tcp_start_bind(socket, network, address);
            "[method]tcp-socket.finish-bind": tcp_finish_bind(socket);
            "[method]tcp-socket.start-connect": tcp_start_connect(socket, network, address);
            "[method]tcp-socket.finish-connect": tcp_finish_connect(socket);
            "[method]tcp-socket.start-listen": tcp_start_listen(socket);
            "[method]tcp-socket.finish-listen": tcp_finish_listen(socket);
            "[method]tcp-socket.accept": tcp_accept(socket);
            "[method]tcp-socket.local-address": tcp_local_address(socket);
            "[method]tcp-socket.remote-address": tcp_remote_address(socket);
            "[method]tcp-socket.is-listening": tcp_is_listening(socket);
            "[method]tcp-socket.address-family": tcp_address_family(socket);
            "[method]tcp-socket.set-listen-backlog-size": tcp_set_listen_backlog_size(socket, value);
            "[method]tcp-socket.keep-alive-enabled": tcp_keep_alive_enabled(socket);
            "[method]tcp-socket.set-keep-alive-enabled": tcp_set_keep_alive_enabled(socket, value);
            "[method]tcp-socket.keep-alive-idle-time": tcp_keep_alive_idle_time(socket);
            "[method]tcp-socket.set-keep-alive-idle-time": tcp_set_keep_alive_idle_time(socket, value);
            "[method]tcp-socket.keep-alive-interval": tcp_keep_alive_interval(socket);
            "[method]tcp-socket.set-keep-alive-interval": tcp_set_keep_alive_interval(socket, value);
            "[method]tcp-socket.keep-alive-count": tcp_keep_alive_count(socket);
            "[method]tcp-socket.set-keep-alive-count": tcp_set_keep_alive_count(socket, value);
            "[method]tcp-socket.hop-limit": tcp_hop_limit(socket);
            "[method]tcp-socket.set-hop-limit": tcp_set_hop_limit(socket, value);
            "[method]tcp-socket.receive-buffer-size": tcp_receive_buffer_size(socket);
            "[method]tcp-socket.set-receive-buffer-size": tcp_set_receive_buffer_size(socket, value);
            "[method]tcp-socket.send-buffer-size": tcp_send_buffer_size(socket);
            "[method]tcp-socket.set-send-buffer-size": tcp_set_send_buffer_size(socket, value);
            "[method]tcp-socket.subscribe": tcp_subscribe(socket);
            "[method]tcp-socket.shutdown": tcp_shutdown(socket, how);
        }
        "wasi:sockets/tcp-create-socket" {
            "create-tcp-socket": create_tcp_socket(family);
        }
    }
    udp {
        "wasi:sockets/udp" {
            resource "udp-socket": UdpSocket = drop_udp;
            resource "incoming-datagram-stream": IncomingDatagramStream = drop_incoming;
            resource "outgoing-datagram-stream": OutgoingDatagramStream = drop_outgoing;
            "[method]udp-socket.start-bind": udp_start_bind(socket, network, address);
            "[method]udp-socket.finish-bind": udp_finish_bind(socket);
            "[method]udp-socket.stream": udp_stream(socket, remote);
            "[method]udp-socket.local-address": udp_local_address(socket);
            "[method]udp-socket.remote-address": udp_remote_address(socket);
            "[method]udp-socket.address-family": udp_address_family(socket);
            "[method]udp-socket.unicast-hop-limit": udp_unicast_hop_limit(socket);
            "[method]udp-socket.set-unicast-hop-limit": udp_set_unicast_hop_limit(socket, value);
            "[method]udp-socket.receive-buffer-size": udp_receive_buffer_size(socket);
            "[method]udp-socket.set-receive-buffer-size": udp_set_receive_buffer_size(socket, value);
            "[method]udp-socket.send-buffer-size": udp_send_buffer_size(socket);
            "[method]udp-socket.set-send-buffer-size": udp_set_send_buffer_size(socket, value);
            "[method]udp-socket.subscribe": udp_subscribe(socket);
            "[method]incoming-datagram-stream.receive": udp_receive(stream, max_results);
            "[method]incoming-datagram-stream.subscribe": udp_subscribe_incoming(stream);
            "[method]outgoing-datagram-stream.check-send": udp_check_send(stream);
            "[method]outgoing-datagram-stream.send": udp_send(stream, datagrams);
            "[method]outgoing-datagram-stream.subscribe": udp_subscribe_outgoing(stream);
        }
        "wasi:sockets/udp-create-socket" {
            "create-udp-socket": create_udp_socket(family);
        }
    }
}

//! The table of all functions and resources by their names in WIT, from which a linker is filled.

use wasmer_api::Result;
use wasmer_component::{Component, ComponentLinker};

use crate::body::{FutureTrailers, IncomingBody, OutgoingBody};
use crate::ctx::WasiHttp;
use crate::fields::Fields;
use crate::incoming::{IncomingRequest, OutgoingResponse, ResponseOutparam};
use crate::outgoing::{FutureIncomingResponse, IncomingResponse, OutgoingRequest, RequestOptions};

/// Defines everything that `wasi:http/proxy` and `wasi:cli/command` import, for components whose state `context` finds in the store's data.
pub fn add_to_linker<T: 'static>(
    linker: &mut ComponentLinker<T>,
    context: impl Fn(&mut T) -> &mut WasiHttp + Copy + Send + Sync + 'static,
) -> Result<()> {
    wasmer_wasi_p2::add_to_linker(linker, move |data| &mut context(data).p2)?;
    linker.add_library(proxy, context)
}

/// As [`add_to_linker`], but only for what `component` imports.
pub fn add_imports_to_linker<T: 'static>(
    linker: &mut ComponentLinker<T>,
    component: &Component,
    context: impl Fn(&mut T) -> &mut WasiHttp + Copy + Send + Sync + 'static,
) -> Result<()> {
    wasmer_wasi_p2::add_imports_to_linker(linker, component, move |data| &mut context(data).p2)?;
    linker.add_library_imports(proxy, component, context)
}

wasmer_component::interfaces! {
    /// The interfaces of `wasi:http`.
    fn proxy for WasiHttp, "0.2.12";
    types {
        "wasi:http/types" {
            resource "fields": Fields = drop_fields;
            "[constructor]fields": new_fields();
            "[static]fields.from-list": fields_from_list(entries);
            "[method]fields.get": get_field(fields, name);
            "[method]fields.has": has_field(fields, name);
            "[method]fields.set": set_field(fields, name, values);
            "[method]fields.delete": delete_field(fields, name);
            "[method]fields.append": append_field(fields, name, value);
            "[method]fields.entries": field_entries(fields);
            "[method]fields.clone": clone_fields(fields);
            "http-error-code": http_error_code(error);
        }
    }
    bodies {
        "wasi:http/types" {
            resource "incoming-body": IncomingBody = drop_incoming_body;
            resource "outgoing-body": OutgoingBody = drop_outgoing_body;
            resource "future-trailers": FutureTrailers = drop_trailers;
            "[method]incoming-body.stream": incoming_body_stream(body);
            "[static]incoming-body.finish": finish_incoming_body(body);
            "[method]future-trailers.subscribe": subscribe_trailers(trailers);
            "[method]future-trailers.get": get_trailers(trailers);
            "[method]outgoing-body.write": outgoing_body_write(body);
            "[static]outgoing-body.finish": finish_outgoing_body(body, trailers);
        }
    }
    incoming {
        "wasi:http/types" {
            resource "incoming-request": IncomingRequest = drop_incoming_request;
            resource "response-outparam": ResponseOutparam = drop_outparam;
            resource "outgoing-response": OutgoingResponse = drop_outgoing_response;
            "[method]incoming-request.method": request_method(request);
            "[method]incoming-request.path-with-query": request_path(request);
            "[method]incoming-request.scheme": request_scheme(request);
            "[method]incoming-request.authority": request_authority(request);
            "[method]incoming-request.headers": request_headers(request);
            "[method]incoming-request.consume": consume_request(request);
            "[static]response-outparam.set": set_response(outparam, response);
            "[constructor]outgoing-response": new_response(headers);
            "[method]outgoing-response.status-code": response_status(response);
            "[method]outgoing-response.set-status-code": set_response_status(response, status);
            "[method]outgoing-response.headers": response_headers(response);
            "[method]outgoing-response.body": response_body(response);
        }
    }
    outgoing {
        "wasi:http/types" {
            resource "outgoing-request": OutgoingRequest = drop_outgoing_request;
            resource "request-options": RequestOptions = drop_options;
            resource "future-incoming-response": FutureIncomingResponse = drop_future_response;
            resource "incoming-response": IncomingResponse = drop_incoming_response;
            "[constructor]outgoing-request": new_request(headers);
            "[method]outgoing-request.body": outgoing_request_body(request);
            "[method]outgoing-request.method": outgoing_method(request);
            "[method]outgoing-request.set-method": set_outgoing_method(request, method);
            "[method]outgoing-request.path-with-query": outgoing_path(request);
            "[method]outgoing-request.set-path-with-query": set_outgoing_path(request, path);
            "[method]outgoing-request.scheme": outgoing_scheme(request);
            "[method]outgoing-request.set-scheme": set_outgoing_scheme(request, scheme);
            "[method]outgoing-request.authority": outgoing_authority(request);
            "[method]outgoing-request.set-authority": set_outgoing_authority(request, authority);
            "[method]outgoing-request.headers": outgoing_headers(request);
            "[constructor]request-options": new_options();
            "[method]request-options.connect-timeout": connect_timeout(options);
            "[method]request-options.set-connect-timeout": set_connect_timeout(options, wait);
            "[method]request-options.first-byte-timeout": first_byte_timeout(options);
            "[method]request-options.set-first-byte-timeout": set_first_byte_timeout(options, wait);
            "[method]request-options.between-bytes-timeout": between_bytes_timeout(options);
            "[method]request-options.set-between-bytes-timeout": set_between_bytes_timeout(options, wait);
            "[method]future-incoming-response.subscribe": subscribe_response(future);
            "[method]future-incoming-response.get": get_response(future);
            "[method]incoming-response.status": incoming_status(response);
            "[method]incoming-response.headers": incoming_headers(response);
            "[method]incoming-response.consume": consume_response(response);
        }
        "wasi:http/outgoing-handler" {
            "handle": handle_request(request, options);
        }
    }
}

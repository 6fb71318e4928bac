//! A server of HTTP in Rust, by the package `wasip2`: says what it was asked, and gives the body back.

use std::io::{Read, Write};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Proxy;

wasip2::http::proxy::export!(Proxy);

impl wasip2::exports::http::incoming_handler::Guest for Proxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let incoming = request.consume().expect("its body was not taken yet");
        let mut asked = String::new();
        incoming.stream().expect("its stream was not taken yet").read_to_string(&mut asked).expect("text");
        let fields = Fields::from_list(&[("content-type".to_owned(), b"text/plain".to_vec())]).expect("a field");
        let response = OutgoingResponse::new(fields);
        let body = response.body().expect("it was not taken yet");
        ResponseOutparam::set(out, Ok(response));
        let mut stream = body.write().expect("it was not taken yet");
        writeln!(stream, "rust: {path} {asked}").expect("the client reads");
        stream.flush().expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("all of it was written");
    }
}

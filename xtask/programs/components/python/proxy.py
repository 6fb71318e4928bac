"""A server of HTTP in Python, by componentize-py: says what it was asked, and gives the body back."""

from componentize_py_types import Ok
from wit_world import exports
from wit_world.imports.types import Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request: IncomingRequest, response_out: ResponseOutparam) -> None:
        path = request.path_with_query()
        incoming = request.consume()
        asked = b""
        with incoming.stream() as stream:
            while True:
                try:
                    asked += stream.blocking_read(65536)
                except Exception:
                    break
        response = OutgoingResponse(Fields.from_list([("content-type", b"text/plain")]))
        body = response.body()
        ResponseOutparam.set(response_out, Ok(response))
        with body.write() as stream:
            stream.blocking_write_and_flush(f"python: {path} {asked.decode()}\n".encode())
        OutgoingBody.finish(body, None)

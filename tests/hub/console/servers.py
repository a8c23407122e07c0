"""Servers by HTTP that answer as they are told."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


ENDS_WITHIN = 0.02  # seconds: how often it looks whether it is to end

Answers = Callable[[Request], tuple[int, dict[str, str], bytes]]
"""What is answered to a request: status, headers, body."""


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    """A server that answers so; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and content are sent one after the other

        def do_GET(self) -> None:
            said = {name.lower(): value for name, value in self.headers.items()}
            content = self.rfile.read(int(said.get("content-length", 0)))
            status, headers, body = answers(Request(self.command, self.path, said, content))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(ENDS_WITHIN,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()

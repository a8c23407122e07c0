"""A server that speaks SMTP: takes mails, or refuses them, as a test says; with STARTTLS where it has a certificate."""

import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any


@dataclass(frozen=True)
class Taken:
    """A mail that the server has taken."""

    to: str
    sender: str
    raw: bytes
    was_encrypted: bool

    @property
    def mail(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def text(self) -> str:
        """All that anybody could read of it."""
        headers = " ".join(f"{name}: {value}" for name, value in self.mail.items())
        return f"{headers}\n{self.mail.get_content()}"


class MailServer(socketserver.ThreadingTCPServer):
    """Listens on loopback until `stop`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Talking)
        self.tls = tls
        self.taken: list[Taken] = []
        self.logins = 0
        self.answers: dict[str, str] = {}
        """What a recipient is refused with."""
        self.login_answer = "235 ok"
        self.before_taking: Callable[[str], None] = lambda to: None
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def to(self, address: str) -> list[Taken]:
        return [one for one in self.taken if one.to == address]


class _Talking(socketserver.StreamRequestHandler):
    server: MailServer

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        sender = to = ""
        encrypted = False
        self._say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                offers = ["STARTTLS"] if self.server.tls and not encrypted else []
                for one in ["mail.test", *offers]:
                    self._say(f"250-{one}")
                self._say("250 AUTH PLAIN")
            elif word == "STARTTLS" and self.server.tls is not None:
                self._say("220 go on")
                try:
                    self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                except ssl.SSLError:  # who comes does not trust it
                    return
                self.rfile: Any = self.request.makefile("rb")
                self.wfile: Any = self.request.makefile("wb", buffering=0)
                encrypted = True
            elif word == "AUTH":
                self.server.logins += 1
                self._say(self.server.login_answer)
            elif word == "MAIL":
                sender = line[line.index("<") + 1 : line.index(">")]
                self._say("250 ok")
            elif word == "RCPT":
                to = line[line.index("<") + 1 : line.index(">")]
                self._say(self.server.answers.get(to, "250 ok"))
            elif word == "DATA":
                self._say("354 go on")
                lines = []
                while (one := self.rfile.readline().rstrip(b"\r\n")) != b".":
                    lines.append(one.removeprefix(b"."))
                self.server.before_taking(to)
                self.server.taken.append(Taken(to, sender, b"\n".join(lines), encrypted))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    server = MailServer(tls)
    try:
        yield server
    finally:
        server.stop()

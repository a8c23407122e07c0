"""The certificate by which HTTP is served, taken in again when its files change, while connections go on."""

import contextlib
import logging
import os
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from hub.gateway.http.listening import Unusable
from messaging import clock
from messaging.changes import state_of
from messaging.health import health
from messaging.log import fields

log = logging.getLogger("ruta.gateway")

WHAT = "certificate of HTTP"  # as the heartbeat names it


class Certificate:
    """A pair of PEM files: a certificate with its chain, and its key. `context` is the living TLS context."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises Unusable when they cannot be read, or do not belong together."""
        self._files = (certificate, key)
        self.context = _new_context()
        self._ends: datetime | None = None
        self._signs = self._look()
        self._is_old = False  # what lies in the files now is of no use
        try:
            self._take_in()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise Unusable(
                f"The certificate {certificate} and the key {key} cannot be used ({type(error).__name__})."
            ) from None

    def renew(self) -> None:
        """Take the files in if they have changed. With new ones that are of no use the old certificate stays.

        Called in the thread in which handshakes are: one that came half-way would fail.
        """
        signs = self._look()
        if signs != self._signs:
            self._signs = signs  # those that are half written change once more
            try:
                self._take_in()
            except (OSError, ValueError) as error:
                self._is_old = True
                health.over(WHAT)
                health.say(WHAT, "unusable", type(error).__name__)
                return
            self._is_old = False
            health.over(WHAT)
            log.info("the certificate of HTTP is a new one", extra=fields(what=WHAT))
        self._say_whether_it_holds()

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [state_of(file) for file in self._files]

    def _take_in(self) -> None:
        """Load the pair, read once: first into a context of its own, for one that fails half-way is of no use."""
        certificate, key = (file.read_bytes() for file in self._files)
        ends = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
        with _as_file(certificate) as certificate_file, _as_file(key) as key_file:
            for context in (_new_context(), self.context):
                context.load_cert_chain(certificate_file, key_file, password="")  # none is asked for on a terminal
        self._ends = ends

    @property
    def has_expired(self) -> bool:
        """Whether clients refuse what is served."""
        return self._ends is not None and self._ends < clock.machine_now()

    def _say_whether_it_holds(self) -> None:
        if self.has_expired and not self._is_old:
            health.say(WHAT, "expired")


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A file in memory, for OpenSSL, which reads only files; what is read twice could change in between."""
    handle = os.memfd_create("ruta", os.MFD_CLOEXEC)
    try:
        os.write(handle, content)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)

"""The operator's server for mail: where it is, and one mail by it."""

import ipaddress
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

WITHIN: Final = 15.0  # seconds that the server may take to say the next thing
PORTS: Final = {"smtp": 587, "smtps": 465}
ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
LONGEST_ADDRESS: Final = 254


class UnusableServer(Exception):
    """RUTA_SMTP_URL or RUTA_SMTP_FROM cannot be used; one sentence, which repeats neither: one has a password."""


class Away(Exception):
    """Nothing can be sent to anybody at the moment."""

    def __init__(self, code: str) -> None:
        """`code` says why (deploy/local/problems.py)."""
        super().__init__(code)
        self.code = code


class NotTaken(Exception):
    """One mail is not taken; others may be."""

    def __init__(self, is_final: bool) -> None:
        """`is_final`: nor will it be."""
        super().__init__("final" if is_final else "for now")
        self.is_final = is_final


def is_address(said: str) -> bool:
    """Whether a text is an address of e-mail that any server takes, and nothing else."""
    return len(said) <= LONGEST_ADDRESS and ADDRESS.fullmatch(said) is not None


@dataclass(frozen=True)
class Server:
    """Where mail is given, and as whom."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    is_tls: bool = False
    """From the first byte."""
    needs_tls: bool = True
    """Whether nothing is said without it: not where the server is this machine."""

    @classmethod
    def read(cls, url: str) -> "Server":
        """Read `smtp://user:password@host:587` or `smtps://…`. Raises UnusableServer."""
        wrong = "RUTA_SMTP_URL has to be smtp://user:password@host:587, or smtps:// and so on."
        try:
            said = urlsplit(url)
            port = said.port
        except ValueError:
            raise UnusableServer(wrong) from None
        if said.scheme not in PORTS or not said.hostname or said.path not in ("", "/") or said.query or said.fragment:
            raise UnusableServer(wrong)
        user, password = unquote(said.username or ""), unquote(said.password or "")
        if bool(user) != bool(password):
            raise UnusableServer("RUTA_SMTP_URL has a user without a password, or a password without a user.")
        is_tls = said.scheme == "smtps"
        return cls(said.hostname, port or PORTS[said.scheme], user, password, is_tls, not _is_here(said.hostname))

    def send(self, mail: EmailMessage, sender: str, to: str) -> None:
        """Give one mail to the server. Raises Away, NotTaken."""
        try:
            self._send(mail, sender, to)
        except smtplib.SMTPRecipientsRefused as error:
            code, _ = next(iter(error.recipients.values()))
            raise NotTaken(500 <= code < 600) from None
        except smtplib.SMTPDataError as error:
            raise NotTaken(500 <= error.smtp_code < 600) from None
        except smtplib.SMTPAuthenticationError:
            raise Away("login_refused") from None
        except smtplib.SMTPSenderRefused:
            raise Away("sender_refused") from None
        except (smtplib.SMTPNotSupportedError, ssl.SSLError):
            raise Away("no_tls") from None
        except (smtplib.SMTPException, OSError, ValueError):
            raise Away("away") from None

    def _send(self, mail: EmailMessage, sender: str, to: str) -> None:
        tls = ssl.create_default_context()
        opened = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=WITHIN, context=tls)
            if self.is_tls
            else smtplib.SMTP(self.host, self.port, timeout=WITHIN)
        )
        with opened as connection:
            if self.needs_tls and not self.is_tls:
                connection.starttls(context=tls)
            if self.user:
                connection.login(self.user, self.password)
            connection.send_message(mail, sender, [to])


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

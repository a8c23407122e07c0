"""The local account for emergencies: it opens the monitor's pages, to look only, while the console's log-in is away.

`./ruta emergency open` makes it on the machine, for half an hour: a code that opens one browser, once. It stands in a
file beside the book of alerts, for the console's database is what is away then: of the code, and of what the browser
shows afterwards, the file has the SHA-256 alone. What was done is kept there until it is in the audit
(deploy/local/emergency.py); what cannot be kept is not done.
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

PATH: Final = "/emergencia"  # of the console
FOR: Final = timedelta(minutes=30)
CODE_BYTES: Final = 10
MOST_OWED: Final = 2000  # acts that wait for the audit: who looks at a page each second leaves less in half an hour


class EmergencyError(Exception):
    """It is not done; `code`: `unwritten` where it cannot be kept that it was, `wrong` of a code that opens nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Opening:
    """The account, from when it was opened on the machine."""

    id: str
    code: str  # SHA-256, as hex
    by: str  # `operator:1000`, as the audit has whoever acts on the machine
    at: str  # ISO 8601; as all times here
    until: str
    browser: str | None = None  # SHA-256 of what its cookie has; None: nobody has come in
    used_at: str | None = None
    closed_at: str | None = None

    def is_open(self, at: datetime) -> bool:
        return self.closed_at is None and datetime.fromisoformat(self.at) <= at < datetime.fromisoformat(self.until)

    def is_opened_by(self, code: str) -> bool:
        """Whether this is its code, however it is typed."""
        return hmac.compare_digest(self.code, _digest(_normal(code)))

    def lets_in(self, browser: str, at: datetime) -> bool:
        """Whether it was opened in a browser that shows this."""
        return self.browser is not None and self.is_open(at) and hmac.compare_digest(self.browser, _digest(browser))


@dataclass
class Done:
    """What was done, and is to be in the audit."""

    act: str
    opening: str
    by: str
    at: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Book:
    """What the file has."""

    opening: Opening | None = None  # the last one
    owed: list[Done] = field(default_factory=list)
    refused: int = 0  # codes that opened nothing, since that was in the audit: a stranger's fill no file

    def note(self, act: str, opening: Opening, at: datetime, **details: Any) -> None:
        """Keep what is done now until it is in the audit. Raises EmergencyError where too much waits."""
        if len(self.owed) >= MOST_OWED:
            raise EmergencyError("unwritten")
        self.owed.append(Done(act, opening.id, opening.by, at.isoformat(timespec="seconds"), details))

    def uses(self, at: datetime) -> Sequence[tuple[str, str, str]]:
        """Of what is open in a browser, or was and is not in the audit yet: id, who opened it, since when it is."""
        found = {one.opening: (one.by, one.at) for one in self.owed if one.act == "emergency_used"}
        one = self.opening
        if one is not None and one.used_at is not None and one.is_open(at):
            found[one.id] = (one.by, one.used_at)
        return [(id, by, since) for id, (by, since) in found.items()]


def beside(book: Path) -> Path:
    """Where it stands, beside the book of alerts."""
    return book.with_suffix(".emergency.json")


def read(file: Path) -> Book:
    """Read it; an empty one, that lets nobody in, where there is none or none that can be read."""
    try:
        return _read(file)
    except EmergencyError:
        return Book()


def _read(file: Path) -> Book:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        opening = Opening(**said["opening"]) if said["opening"] is not None else None
        if opening is not None:
            opening.is_open(datetime.fromisoformat(opening.at))
        return Book(opening, [Done(**one) for one in said["owed"]], int(said["refused"]))
    except FileNotFoundError:
        return Book()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise EmergencyError("unwritten") from None


@contextlib.contextmanager
def changing(file: Path) -> Iterator[Book]:
    """Have the book alone, and keep it at the end. Raises EmergencyError where it cannot be read or kept."""
    try:
        with file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book = _read(file)
            yield book
            new = file.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                json.dump(asdict(book), out)
                out.flush()
                os.fsync(out.fileno())
                if os.geteuid() == 0:  # whoever serves the pages is to read it, whoever has opened it
                    owner = file.parent.stat()
                    os.fchown(out.fileno(), owner.st_uid, owner.st_gid)
                    os.fchown(lock.fileno(), owner.st_uid, owner.st_gid)
            new.replace(file)
    except OSError:
        raise EmergencyError("unwritten") from None


def open_account(file: Path, by: str, why: str, at: datetime) -> tuple[str, Opening]:
    """Open it in place of one that was open; returns the code, which nobody can find anywhere later, and the opening.

    Raises EmergencyError.
    """
    code = secrets.token_hex(CODE_BYTES)
    begun, until = (moment.isoformat(timespec="seconds") for moment in (at, at + FOR))
    with changing(file) as book:
        book.opening = Opening(secrets.token_hex(4), _digest(code), by, begun, until)
        book.note("emergency_opened", book.opening, at, why=why, until=until)
        return "-".join(code[place : place + 4] for place in range(0, len(code), 4)), book.opening


def close_account(file: Path, by: str, at: datetime) -> bool:
    """End it at once, in whatever browser it is; False where it was not open. Raises EmergencyError."""
    if (known := read(file).opening) is None or not known.is_open(at):
        return False
    with changing(file) as book:
        one = book.opening
        if one is None or not one.is_open(at):
            return False
        one.closed_at = at.isoformat(timespec="seconds")
        book.note("emergency_closed", one, at, closed_by=by)
    return True


def come_in(file: Path, code: str, at: datetime) -> tuple[str, Opening]:
    """Use the code, which opens nothing any more then; returns what the browser is to show. Raises EmergencyError."""
    with changing(file) as book:
        one = book.opening
        browser = None
        if one is None or one.browser is not None or not (one.is_open(at) and one.is_opened_by(code)):
            book.refused += 1
        else:
            browser = secrets.token_urlsafe(32)
            one.browser, one.used_at = _digest(browser), at.isoformat(timespec="seconds")
            book.note("emergency_used", one, at)
    if browser is None or one is None:
        raise EmergencyError("wrong")
    return browser, one


def _digest(secret: str) -> str:
    """What is known of a secret, which is random enough for a plain hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _normal(code: str) -> str:
    """A code without what is only for the eye, as somebody types it."""
    return "".join(one for one in code.lower() if one in string.hexdigits)


def note_page(file: Path, opening: str, at: datetime, **details: Any) -> None:
    """Keep it that a page is shown. Raises EmergencyError, also where the account was ended meanwhile."""
    with changing(file) as book:
        if (one := book.opening) is None or one.id != opening or not one.is_open(at):
            raise EmergencyError("wrong")
        book.note("emergency_seen", one, at, **details)

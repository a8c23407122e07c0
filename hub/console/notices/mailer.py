"""Finds out which mails are due, and sends each of them.

Who sends a mail holds its row locked until the server has taken it, and marks it then: nobody sends it beside them, and
killed in between it is free at once. If that was after the server had taken it, it is sent again, with the same
Message-ID: a digest or an emergency that is read twice costs less than one that nobody reads.
"""

import logging
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from contracts.codes import OrganisationStatus
from hub.console.hosting import Organisations, uses_screens
from hub.console.keyring import Keyring, UnusableKeyring
from hub.console.notices.smtp import Away, NotTaken, Server
from hub.console.store import notices, work
from hub.console.store.notices import Kind, Outcome, Wants
from hub.console.web import accounts, letters, showing
from hub.console.web.accounts import Staff
from hub.console.web.letters import Letter
from hub.console.web.permissions import OF_CASES
from hub.console.web.saying import HUB_NAME, day_of
from hub.gateway.http.problems import LANGUAGES, Language
from messaging import clock
from messaging.database import Connection
from messaging.health import health
from messaging.log import describe, fields
from messaging.topology import Organisation

log = logging.getLogger("ruta.notices")

DIGEST_AT: Final = timedelta(hours=7)  # of the day in Colombia
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds; doubles while the server takes nothing
PART: Final = "mail server"


@dataclass(frozen=True)
class Reader:
    """Somebody who has asked to be told, and may be."""

    staff: Staff
    organisation: Organisation
    wants: Wants
    language: Language
    is_confirmed: bool
    since: datetime
    address: bytes
    """As it is kept."""


class Mailer:
    """Of one network. `send_one` may be called from several threads, each with a connection of its own."""

    def __init__(
        self, keyring: Keyring, organisations: Organisations, server: Server, *, sender: str, console: str
    ) -> None:
        """`sender` is whom mails come from, `console` the address of the console's pages."""
        self._keyring = keyring
        self._organisations = organisations
        self._server = server
        self._sender = sender
        self._console = console
        self._pause = FIRST_PAUSE
        self._goes_on_at = 0.0

    def look(self, tx: Connection) -> None:
        """Keep what is due now, for `send_one`. Raises psycopg.Error."""
        now = clock.now()
        day = day_of(now)
        confirmed = [one for one in self._readers(tx) if one.is_confirmed]
        if now >= (due_at := day.begins + DIGEST_AT):
            notices.add_digests(tx, [one.staff.code for one in confirmed if one.since < due_at], day.begins.date(), now)
        waiting: dict[str, frozenset[Any]] = {}
        for one in confirmed:
            if one.wants is Wants.ALL:
                id = one.organisation.id
                if id not in waiting:
                    waiting[id] = frozenset(work.emergencies(tx, id))
                if waiting[id] - notices.told(tx, one.staff.code):
                    notices.add_emergency(tx, one.staff.code, now)

    def forget(self, tx: Connection) -> None:
        """Drop what nobody needs any more."""
        notices.forget(tx, clock.now())

    def send_one(self, tx: Connection) -> bool:
        """Send one mail that is due, and keep in the transaction what became of it; False where none is.

        Raises psycopg.Error.
        """
        if time.monotonic() < self._goes_on_at or (row := notices.take(tx)) is None:
            return False
        now = clock.now()
        reader = next(self._readers(tx, row["staff"]), None)
        try:
            letter, told = (None, []) if reader is None else self._letter(tx, reader, row, now)
            if reader is None or letter is None:
                notices.done(tx, row["id"], Outcome.NOTHING, now)
                return True
            to = notices.open_address(self._keyring, reader.staff.code, reader.address)
            self._server.send(
                self._mail(letter, to, row["id"], now, of_office=notices.is_office(row["staff"])), self._sender, to
            )
        except UnusableKeyring as error:  # of one it cannot be opened: others' go on
            log.error("an address cannot be opened", extra=fields(notice=str(row["id"]), error=describe(error)))
            notices.put_off(tx, row["id"])
            return True
        except Away as error:
            self._wait(error)
            return False
        except NotTaken as error:
            log.warning("a mail was not taken", extra=fields(notice=str(row["id"]), is_final=error.is_final))
            if error.is_final:
                notices.done(tx, row["id"], Outcome.REFUSED, now)
                notices.tell(tx, row["staff"], told)  # nobody is written to every ten minutes in vain
            else:
                notices.put_off(tx, row["id"])
        else:
            notices.done(tx, row["id"], Outcome.SENT, now)
            notices.tell(tx, row["staff"], told)
        self._pause = FIRST_PAUSE
        health.over(PART)
        return True

    def _wait(self, error: Away) -> None:
        self._goes_on_at = time.monotonic() + self._pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        health.say(PART, error.code)

    def _readers(self, tx: Connection, staff: str | None = None) -> Iterator[Reader]:
        organisations = self._organisations()
        for row in notices.readers(tx, staff):
            if (reader := self._reader(row, organisations.get(row["organisation"]))) is not None:
                yield reader

    def _reader(self, row: Mapping[str, Any], organisation: Organisation | None) -> Reader | None:
        """Who a row is of; None where they may not see now what a mail would lead to."""
        if organisation is None or organisation.status is not OrganisationStatus.ACTIVE:
            return None
        if notices.is_office(row["staff"]) and not uses_screens(organisation):
            return None
        staff = accounts.at_present(Staff.of_row({**row, "code": row["staff"]}), organisation)
        if staff.roles.isdisjoint(OF_CASES):
            return None
        language: Language = next((one for one in LANGUAGES if one == row["language"]), "es")
        is_confirmed = row["confirmed_at"] is not None
        return Reader(
            staff, organisation, Wants(row["wants"]), language, is_confirmed, row["since"], bytes(row["address"])
        )  # fmt: skip

    def _letter(
        self, tx: Connection, reader: Reader, row: Mapping[str, Any], now: datetime
    ) -> tuple[Letter | None, list[Any]]:
        """What there is to say by a mail, if anything, and the emergencies that it tells of."""
        name, of_office = reader.organisation.name, notices.is_office(reader.staff.code)
        off = letters.off_at(self._console, of_office)
        if row["kind"] == Kind.CODE:
            code = notices.code(tx, self._keyring, reader.staff.code, row["id"])
            if code is None:
                return None, []
            return letters.of_code(reader.language, code, off, of_office=of_office), []
        if not reader.is_confirmed:
            return None, []
        if row["kind"] == Kind.EMERGENCY:
            told = notices.told(tx, reader.staff.code)
            new = [one for one in work.emergencies(tx, reader.organisation.id) if one not in told]
            if reader.wants is not Wants.ALL or not new:
                return None, []
            return letters.of_emergencies(reader.language, name, len(new), self._console, off), new
        day = day_of(now)
        if row["day"] != day.begins.date():
            return None, []
        counted = work.counts(tx, showing.viewer_for(reader.staff, reader.organisation), day)
        return letters.digest(reader.language, name, counted, self._console, off), []

    def _mail(self, letter: Letter, to: str, id: object, now: datetime, *, of_office: bool = False) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = Address(HUB_NAME, addr_spec=self._sender)
        mail["To"] = Address(addr_spec=to)
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{id}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["List-Unsubscribe"] = f"<{letters.off_at(self._console, of_office)}>"
        mail.set_content(letter.body, cte="quoted-printable")  # which every server takes
        return mail

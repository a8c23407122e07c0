"""What operators do about an organisation that takes part, while everything runs: its keys, and what it is doing."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg

from contracts.codes import OrganisationStatus
from deploy.local import beside, entrance, keys, organisations
from deploy.local.beside import Beside
from deploy.local.operator_error import OperatorError
from deploy.local.provision import write_directory
from deploy.local.state import State
from deploy.local.trail import Trail, begin
from messaging import clock, database
from messaging.believing import COLOMBIA
from messaging.broker import BrokerLost
from messaging.topology import ENVIRONMENTS, Organisation, TopologyError, queues_of, read

API_KEYS: Final = """
    select sha256, system, made_at, last_used_on from api_key
    where organisation = %s and revoked_at is null and (expires_at is null or expires_at > %s)
    order by system nulls first, made_at
"""
SUBMITTED: Final = "select count(*) as messages, max(accepted_at) as last from submission where source = %s"
UNREAD: Final = """
    select count(*) as messages, min(delivered_at) as oldest from delivery
    where organisation = %s and acknowledged_at is null and not copy
"""
REFUSED: Final = """
    select code, sum(count) as times from refusal_count
    where organisation = %s and minute >= %s group by code order by times desc, code
"""


@dataclass(frozen=True)
class Partner:
    """An organisation, beside the database that knows its keys."""

    organisation: Organisation
    state: State
    connection: database.Connection
    contact: str | None = None
    place: Beside | None = None
    """Where its network runs; None where it does not."""
    environment: str = ENVIRONMENTS[0]

    def rotate(self, file: Path, overlap: timedelta) -> str:
        """Let the organisation's own new public key be in force; returns what is so then. Raises OperatorError."""
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError):
            raise OperatorError(f"Cannot read {file}.") from None
        public_key = keys.read_public(text)
        with keys.alone(self.connection):
            noted = begin(self.connection, self.state)
            if keys.add(self.connection, self.organisation.id, public_key, clock.now(), overlap=overlap):
                noted.note("public_key_added", self.organisation.id, key=public_key["kid"], custody=False)
            return self._tell(noted, f"To {self.organisation.id} everybody seals to {public_key['kid']} from now on.")

    def revoke(self, key_id: str) -> str:
        """End a key at once; returns what is so then. Raises OperatorError."""
        with keys.alone(self.connection):
            noted = begin(self.connection, self.state)
            if keys.revoke(self.connection, self.organisation.id, key_id, clock.now()):
                noted.note("public_key_revoked", self.organisation.id, key=key_id)
            return self._tell(noted, f"What is sealed to {key_id} is refused from now on.")

    def new_api_key(self, system: str | None) -> str:
        """Make one more API key, of the organisation or of one of its systems; returns it. Raises OperatorError."""
        with keys.alone(self.connection):
            return entrance.add_api_key(begin(self.connection, self.state), self.organisation, system, self.environment)

    def revoke_api_key(self, name: str) -> str:
        """End an API key; returns what is so then. Raises OperatorError."""
        credentials = self.state.organisations / self.organisation.id / "credentials.json"
        with keys.alone(self.connection):
            return entrance.revoke_api_key(begin(self.connection, self.state), self.organisation, name, credentials)

    def _tell(self, noted: Trail, sentence: str) -> str:
        noted.commit()
        write_directory(self.connection, self.state)
        signed = self.state.signed_directory_file
        return f"{sentence} GET /v1/directory says so; to who does not ask there, hand {signed}."

    def show(self) -> str:
        """What an operator asks about an organisation, on one screen."""
        one, now = self.organisation, clock.now()
        row = self.connection.execute
        lines = [
            f"{one.id}  {one.name}, {one.status}{f', {self.contact}' if self.contact else ''}",
            *(_suspended(one.id) if one.status is OrganisationStatus.SUSPENDED else []),
            f"may send    {' '.join(one.may_send)}",
            f"refers to   {' '.join(one.refers_to)}",
            f"may         {' '.join(sorted(one.powers)) or '-'}",
            f"systems     {' '.join(each.name for each in one.systems) or '-'}",
        ]
        if one.limits:
            lines.append(f"limits      {', '.join(f'{name} {limit:,}' for name, limit in sorted(one.limits.items()))}")
        theirs = keys.known(self.connection, one.id)
        lines += [f"key         {key['key_id']}  {_standing(key, now)}" for key in theirs]
        if not any(keys.is_in_force(key, now) for key in theirs):
            lines.append("key         none in force: nothing can be sealed to it")
        for api_key in row(API_KEYS, (one.id, now)):
            used = api_key["last_used_on"] or "never"
            lines.append(
                f"API key     {entrance.name_of(api_key['sha256'])}  {api_key['system'] or one.id}  "
                f"made {_age(api_key['made_at'], now)}, last used {used}"
            )
        submitted, unread = row(SUBMITTED, (one.id,)).fetchone(), row(UNREAD, (one.id,)).fetchone()
        assert submitted is not None
        assert unread is not None
        lines.append(f"by HTTP     {submitted['messages']:,} accepted{_last(submitted['last'], now)}")
        oldest = f", the oldest for {_age(unread['oldest'], now, ago='')}" if unread["oldest"] else ""
        lines.append(f"            {unread['messages']:,} not acknowledged{oldest}")
        if one.amqp and self.place is not None:
            lines += self._by_amqp(self.place)
        refused = row(
            REFUSED, (one.id, now.astimezone(COLOMBIA).replace(hour=0, minute=0, second=0, microsecond=0))
        ).fetchall()
        said = ", ".join(f"{each['code']} {each['times']:,}" for each in refused)
        lines.append(f"refused     {said or 'nothing'} today")
        return "\n".join(lines)

    def _by_amqp(self, place: Beside) -> list[str]:
        id, queues = self.organisation.id, queues_of(self.organisation)
        incoming = [one for one in queues if one[1].startswith(("submit.", "submitted."))]
        try:
            there = len(place.management.get(f"connections/username/{id}"))
            under_way, unread = place.waiting(incoming), place.waiting(one for one in queues if one not in incoming)
        except (TopologyError, *BrokerLost):
            return ["by AMQP     the broker is away"]
        return [
            f"by AMQP     {there:,} connections now",
            f"            {under_way:,} submitted and not taken up, {unread:,} not read",
        ]


@contextlib.contextmanager
def opened(state: State, address: str, organisation: str) -> Iterator[Partner]:
    """An organisation of the network, and the database `gateway` at an address. Raises OperatorError."""
    try:
        with contextlib.closing(database.connect(address)) as connection:
            network, entries = read(), organisations.known(connection)
            taking_part = {id: one for id, one in entries.items() if one.status is not OrganisationStatus.REMOVED}
            if organisation not in taking_part:
                raise OperatorError(f"{organisation} does not take part; {', '.join(taking_part)} do.")
            entry, place = taking_part[organisation], None
            with contextlib.suppress(OperatorError):  # of a broker that is not named: its database is enough here
                place = beside.find(state, network)
            yield Partner(entry.read(network), state, connection, entry.contact, place, network.environment)
    except psycopg.Error as error:
        raise OperatorError(f"The database of the gateway did not do it: {str(error).splitlines()[0]}") from None


def _suspended(id: str) -> list[str]:
    """Who is sent here by a page of the console learns what keeps everything where it is, and what ends that."""
    return [
        f"suspended   nothing of it is let in, and what is for it is kept, until `./ruta partner resume {id}`;",
        f"            who did it, and when: `./ruta audit search --organisation {id} --act organisation_suspended`",
    ]


def _standing(key: keys.Key, now: datetime) -> str:
    held = "made by the hub, in custody" if key["custody"] else "its own"
    if key["revoked_at"] is not None:
        return f"{held}, revoked {_age(key['revoked_at'], now)}"
    if not keys.is_in_force(key, now):
        return f"{held}, over since {_age(key['valid_until'], now)}"
    until = f", until {key['valid_until']:%Y-%m-%d %H:%M} UTC" if key["valid_until"] is not None else ""
    return f"{held}, in force since {_age(key['valid_from'], now)}{until}"


def _last(at: datetime | None, now: datetime) -> str:
    return f", the last {_age(at, now)}" if at is not None else ""


def _age(at: datetime, now: datetime, ago: str = " ago") -> str:
    """How long ago something was, in the largest unit of which there are two."""
    seconds = max((now - at).total_seconds(), 0)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}{ago}"
    return f"{seconds:.0f} s{ago}"

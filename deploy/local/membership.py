"""How organisations come, go and are suspended, while everything runs.

What is decided is committed first, with its entry in the audit; then it is put into effect, each step of which changes
nothing when it is done again. So a command that was cut short is said again and ends right, and `./ruta up` puts into
effect whatever was decided before.

In which order it is put into effect: the services know an organisation before its first message can come in; and who is
suspended gets nothing in before anything else is done.
"""

import contextlib
import secrets
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from contracts.codes import OrganisationStatus
from deploy.local import beside, entrance, keys, organisations
from deploy.local.beside import Beside, look
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import Entry
from deploy.local.provision import as_audited, hand_to, write_directory
from deploy.local.state import State
from deploy.local.trail import Trail, begin
from messaging import addresses, broker, clock, database
from messaging.broker import BrokerLost
from messaging.topology import (
    GATEWAY,
    HUB,
    NETWORK,
    DeclaredNetwork,
    TopologyError,
    check_name,
    check_not_taken,
    definitions_of,
    queues_of,
    read,
)

ACTIVE, SUSPENDED, REMOVED = OrganisationStatus.ACTIVE, OrganisationStatus.SUSPENDED, OrganisationStatus.REMOVED
LET_GO_WITHIN: Final = 10.0  # seconds for the gateway to read an organisation's queues no more
UNREAD_BY_HTTP: Final = """
    select count(*) as messages from delivery
    where organisation = %s and acknowledged_at is null and body is not null
        and exists (select from http_reader where http_reader.organisation = delivery.organisation)
"""
REVOKE_API_KEYS: Final = """
    update api_key set revoked_at = now() where organisation = %s and revoked_at is null returning sha256
"""
REVOKE_PUBLIC_KEYS: Final = """
    update public_key set revoked_at = now() where organisation = %s and revoked_at is null returning key_id
"""


@dataclass(frozen=True)
class Membership:
    """The table of organisations, and the network that runs with it."""

    network: DeclaredNetwork
    state: State
    connection: database.Connection
    place: Beside | None
    """Where it runs; None where it does not, and `./ruta up` puts into effect what is decided."""

    def table(self) -> str:
        """Every organisation that takes part or has taken part, in a line each."""
        lines = [
            f"{one.id:<20} {one.status:<10} {one.changed_at:%Y-%m-%d}  {' '.join(one.roles):<30} {one.name}"
            for one in organisations.known(self.connection).values()
        ]
        return "\n".join(lines)

    def add(
        self,
        id: str,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        may_send: Sequence[str] = (),
        refers_to: Sequence[str] = (),
        systems: Path | None = None,
        contact: str | None = None,
        amqp: bool = False,
    ) -> str:
        """Let an organisation take part, or change what it may; what is not said stays. Raises OperatorError."""
        try:
            check_name(id)
            check_not_taken(id, self.network.services)
        except TopologyError as error:
            raise OperatorError(f"{error}.") from None
        with self._deciding() as noted:
            before = organisations.known(self.connection).get(id)
            if before is None and (name is None or not roles):
                raise OperatorError(f"{id} is new: say `--name` and `--role`.")
            entry = before or Entry(id, 1, name or id, amqp=False)
            if amqp and not entry.amqp:
                entry = replace(entry, amqp=True, secrets=(new_secret(),))
            entry = replace(
                entry,
                name=name or entry.name,
                roles=tuple(roles) or entry.roles,
                may_send=tuple(may_send) or entry.may_send,
                refers_to=tuple(refers_to) or entry.refers_to,
                systems=_systems(systems, entry),
                contact=contact or entry.contact,
                status=SUSPENDED if entry.status is SUSPENDED else ACTIVE,
            )
            entry.read(self.network)  # before anything is kept of it
            entry = organisations.save(self.connection, entry)
            noted.note_organisations({one.id: as_audited(one) for one in self._now().organisations.values()})
            noted.commit()
            self._let_in(entry, noted)
            has_key = any(keys.is_in_force(one, clock.now()) for one in keys.known(self.connection, id))
        sealed = "" if has_key else f" Nothing can be sealed to it before `./ruta partner rotate {id}` has its key."
        return f"{id} takes part{self._when()}. What it is handed lies in {self.state.organisations / id}.{sealed}"

    def suspend(self, id: str) -> str:
        """Let nothing of an organisation in, and hand it nothing; what is for it is kept. Raises OperatorError."""
        with self._deciding() as noted:
            entry = self._decide(noted, id, SUSPENDED, "organisation_suspended")
            self._write_files()  # from here on nothing of it comes in
            if self.place is not None:
                with _reaching():
                    self._set_up_broker(entry, self.place)
                    self.place.management.delete(f"connections/username/{quote(id, safe='')}")
                organisations.tell_services(organisations.recorded(entry, self.network), self._hub_url(self.place))
        return f"{id} is suspended{self._when()}: what is for it is kept until `./ruta partner resume {id}`."

    def resume(self, id: str) -> str:
        """Let an organisation take part again that was suspended. Raises OperatorError."""
        with self._deciding() as noted:
            self._let_in(self._decide(noted, id, ACTIVE, "organisation_resumed"), noted)
        return f"{id} takes part again{self._when()}."

    def remove(self, id: str, *, drop_unread: bool = False) -> str:
        """Let a suspended organisation take part no longer; its keys end. Raises OperatorError.

        What waits for it unread is dropped only where that is said, and the audit says how much it was.
        """
        with self._deciding() as noted:
            known = organisations.known(self.connection).get(id)
            if known is not None and known.status is ACTIVE:
                raise OperatorError(f"{id} takes part: `./ruta partner suspend {id}` first, and nothing more comes in.")
            queues = [] if known is None else queues_of(known.read(self.network))
            unread = self._unread(id, queues) if known is not None and known.status is SUSPENDED else 0
            if unread and not drop_unread:
                raise OperatorError(
                    f"{unread:,} messages wait for {id}: `./ruta partner resume {id}` lets it read them; "
                    "`--drop-unread` gives them up."
                )
            entry = self._decide(noted, id, REMOVED, "organisation_removed", unread=unread)
            self._write_files()
            if self.place is not None:
                organisations.tell_services(organisations.recorded(entry, self.network), self._hub_url(self.place))
                with _reaching():
                    self._take_down_broker(entry.id, queues, self.place)
        return f"{id} takes part no longer{self._when()}."

    def readdress(self, id: str) -> str:
        """Give the queues of an organisation names that nobody guesses; what is in those of before it still reads.

        Said again, it ends those of before, once nothing is in them. Raises OperatorError.
        """
        if self.place is None:
            raise OperatorError("Its queues are the broker's: `./ruta up` first.")
        with self._deciding() as noted, _reaching():
            entry = organisations.known(self.connection).get(id)
            if entry is None or entry.status is REMOVED or not entry.amqp:
                raise OperatorError(f"{id} does not come in by AMQP.")
            is_new = len(entry.secrets) == 1
            if is_new:
                entry = organisations.save(self.connection, replace(entry, secrets=(new_secret(), *entry.secrets)))
                noted.note("organisation_readdressed", id)
                noted.commit()
            self._let_in(entry, noted)
            self._unbind_before(entry, self.place)
            if is_new:
                return (
                    f"{id} has new queues: {self.state.organisations / id} says which. It reads what is left in those "
                    f"of before and then the new ones; then `./ruta partner readdress {id}` ends those of before."
                )
            self._end_before(entry, self.place)
        return f"The queues of before are gone, and {id} has none whose name can be guessed."

    # -- inside --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _deciding(self) -> Iterator[Trail]:
        """One operator at a time, until what is decided is in effect."""
        with keys.alone(self.connection):
            yield begin(self.connection, self.state)

    def _decide(self, noted: Trail, id: str, status: OrganisationStatus, act: str, **details: int) -> Entry:
        before = organisations.known(self.connection).get(id)
        if before is None or (before.status is REMOVED and status is not REMOVED):
            raise OperatorError(f"{id} does not take part.")
        entry = organisations.save(self.connection, replace(before, status=status))
        if entry != before:
            noted.note(act, id, **details)
        if status is REMOVED:
            for row in self.connection.execute(REVOKE_API_KEYS, (id,)).fetchall():
                noted.note("key_revoked", id, key=row["sha256"].hex()[:12])
            for row in self.connection.execute(REVOKE_PUBLIC_KEYS, (id,)).fetchall():
                noted.note("public_key_revoked", id, key=row["key_id"])
        noted.commit()
        return entry

    def _now(self) -> DeclaredNetwork:
        return organisations.network_with(organisations.known(self.connection), self.network)

    def _let_in(self, entry: Entry, noted: Trail) -> None:
        organisation = entry.read(self.network)
        if self.place is not None:
            organisations.tell_services(organisations.recorded(entry, self.network), self._hub_url(self.place))
            with _reaching():
                self._set_up_broker(entry, self.place)
            hand_to(
                organisation, noted, self.state, amqp_urls=self._amqp_urls(entry.id, self.place),
                http_url=self._http_url(self.place),
            )  # fmt: skip
        self._write_files()

    def _write_files(self) -> None:
        write_directory(self.connection, self.state)
        organisations.write_register(organisations.known(self.connection), self.state)

    def _set_up_broker(self, entry: Entry, place: Beside) -> None:
        password = self.state.password(entry.id) if entry.amqp else None
        document = definitions_of(entry.read(self.network), self.network, password)
        place.management.post("definitions", document)

    def _unbind_before(self, entry: Entry, place: Beside) -> None:
        """Have nothing more come into the queues of before; the new ones are bound by now: nothing falls between."""
        for vhost, queue in self._before(entry):
            path = f"{quote(vhost, safe='')}/{quote(queue, safe='')}"
            for one in place.management.get(f"queues/{path}/bindings"):
                if one["source"]:  # not the exchange that has no name, and every queue
                    exchange, key = quote(one["source"], safe=""), quote(one["properties_key"], safe="")
                    place.management.delete(
                        f"bindings/{quote(vhost, safe='')}/e/{exchange}/q/{quote(queue, safe='')}/{key}"
                    )

    def _end_before(self, entry: Entry, place: Beside) -> None:
        """Delete the queues of before. Raises OperatorError where something is in one, or somebody reads it."""
        queues = self._before(entry)
        for vhost, queue in queues:
            with contextlib.closing(broker.connect(place.amqp_urls[GATEWAY][vhost])) as connection:
                found = look(connection, queue)
            is_read = found is not None and found.consumer_count and not queue.startswith("submit.")
            if found is not None and (found.message_count or is_read):
                raise OperatorError(
                    f"{found.message_count:,} messages are in {queue}"
                    f"{', which is being read' if is_read else ''}: do it again when it has been read."
                )
        organisations.save(self.connection, replace(entry, secrets=entry.secrets[:1]))
        self.connection.commit()
        self._write_files()
        self._delete(queues, entry.id, place)

    def _before(self, entry: Entry) -> list[tuple[str, str]]:
        now = queues_of(replace(entry, secrets=entry.secrets[:1]).read(self.network))
        return [one for one in queues_of(entry.read(self.network)) if one not in now]

    def _take_down_broker(self, id: str, queues: list[tuple[str, str]], place: Beside) -> None:
        """Delete the user of an organisation, and its queues once the gateway has let go of them."""
        users = {one["name"] for one in place.management.get("users?columns=name")}
        if id in users:
            place.management.delete(f"users/{quote(id, safe='')}")
        self._delete(queues, id, place)
        exchanges = {one["name"] for one in place.management.get(f"exchanges/{NETWORK}?columns=name")}
        if f"submit.{id}" in exchanges:
            place.management.delete(f"exchanges/{NETWORK}/submit.{quote(id, safe='')}")

    def _delete(self, queues: list[tuple[str, str]], id: str, place: Beside) -> None:
        """Delete queues of an organisation, once the gateway has let go of each."""
        until = time.monotonic() + LET_GO_WITHIN
        for vhost, queue in queues:
            with contextlib.closing(broker.connect(place.amqp_urls[GATEWAY][vhost])) as connection:
                while (found := look(connection, queue)) is not None and found.consumer_count:
                    if time.monotonic() > until:
                        raise OperatorError(f"The queue {queue} of {id} is still being read: do it again in a while.")
                    time.sleep(0.1)
            if found is not None:
                place.management.delete(f"queues/{quote(vhost, safe='')}/{quote(queue, safe='')}")

    def _unread(self, id: str, queues: list[tuple[str, str]]) -> int:
        """How many messages wait for an organisation: by HTTP, where it reads by that, and in its queues."""
        row = self.connection.execute(UNREAD_BY_HTTP, (id,)).fetchone()
        assert row is not None
        unread = int(row["messages"])
        return unread + (self.place.waiting(queues) if self.place is not None else 0)

    def _hub_url(self, place: Beside) -> str:
        return place.amqp_urls[GATEWAY][HUB]

    def _amqp_urls(self, id: str, place: Beside) -> list[str]:
        server = addresses.read(place.amqp_urls[GATEWAY][NETWORK], addresses.BROKER)
        return replace(server, user=id, password=self.state.password(id)).urls

    def _http_url(self, place: Beside) -> str:
        if place.running is not None:
            return str(place.running["http_url"])
        return entrance.url(entrance.listen_address(self.state, {}), {})

    def _when(self) -> str:
        return "" if self.place is not None else " once `./ruta up` has put it into effect"


@contextlib.contextmanager
def opened(state: State, address: str) -> Iterator[Membership]:
    """The organisations of a network whose database `gateway` is at an address. Raises OperatorError."""
    network = read()
    place = beside.find(state, network)
    try:
        with contextlib.closing(database.connect(address)) as connection:
            yield Membership(network, state, connection, place)
    except psycopg.Error as error:
        raise OperatorError(f"The database of the gateway did not do it: {str(error).splitlines()[0]}") from None


def new_secret() -> str:
    """What nobody guesses, as a part of a queue's name."""
    return secrets.token_hex(16)


def _systems(file: Path | None, before: Entry) -> Mapping[str, Mapping[str, Any]]:
    """The systems of an organisation by a file of tables; none of those it has may be left out."""
    if file is None:
        return before.systems
    try:
        said: dict[str, dict[str, Any]] = tomllib.loads(file.read_text())
        for name in said:
            check_name(name)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TopologyError) as error:
        raise OperatorError(f"{file} is no file of systems: {error}.") from None
    if lacking := sorted(before.systems.keys() - said.keys()):
        raise OperatorError(f"{file} leaves out {lacking[0]}, and what waits in its queue would be read by nobody.")
    return said


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    """Say of a broker that is away that what was decided is not in effect there yet."""
    try:
        yield
    except (TopologyError, *BrokerLost) as error:
        raise OperatorError(
            f"It is decided, and the broker does not have it yet ({error}): do it again when it is there."
        ) from None

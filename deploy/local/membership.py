"""How organisations come, go and are suspended, while everything runs.

What is decided is committed with its entry in the audit, and put into effect by steps that change nothing when they are
done again: so a command that was cut short is said again and ends right.

In which order: the services know an organisation before its first message can come in. Of who is suspended nothing is
let in that arrives from then on, before anything else is done. A queue is deleted only once the gateway has let go of
it, for only then the broker tells all that is in it; and what ends with that is committed after it.
"""

import contextlib
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

from contracts.codes import OrganisationStatus, Power
from deploy.local import beside, entrance, keys, organisations
from deploy.local.beside import Beside, look
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import Entry, new_suffix
from deploy.local.provision import as_audited, hand_to, write_directory
from deploy.local.state import State
from deploy.local.trail import Trail, begin
from messaging import addresses, broker, clock, database
from messaging.broker import BrokerLost
from messaging.topology import (
    GATEWAY,
    HUB,
    NETWORK,
    OF_SYSTEMS,
    OWN_LIMITS,
    DeclaredNetwork,
    Organisation,
    TopologyError,
    check_name,
    check_not_taken,
    definitions_of,
    ended_copies,
    queues_of,
    read,
    submit_exchange,
    unbind_old_queues,
)

ACTIVE, SUSPENDED, REMOVED = OrganisationStatus.ACTIVE, OrganisationStatus.SUSPENDED, OrganisationStatus.REMOVED
Queue = tuple[str, str]
"""A virtual host, and the name of a queue there."""
LET_GO_WITHIN: Final = 10.0  # seconds for the gateway to read an organisation's queues no more
UNREAD_BY_HTTP: Final = """
    select count(*) as messages from delivery
    where organisation = %s and acknowledged_at is null and body is not null
        and read_by_http(organisation, address, copy)
"""
REVOKE_API_KEYS: Final = """
    update api_key set revoked_at = now() where organisation = %s and revoked_at is null
    returning organisation, system, sha256
"""
OPEN_API_KEYS: Final = "update api_key set closed = false where organisation = %s and closed"
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
            f"{one.id:<20} {one.status:<9} {one.changed_at:%Y-%m-%d}  {one.name} ({', '.join(one.roles)})"
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
        limits: Sequence[str] = (),
        amqp: bool = False,
    ) -> str:
        """Let an organisation take part, or change what it may; what is not said stays. Raises OperatorError.

        Of several words, those that are said stand in place of all before; an empty one alone takes them back.
        """
        try:
            check_name(id)
            check_not_taken(id, self.network.services)
        except TopologyError as error:
            raise OperatorError(f"{error}.") from None
        with self._deciding() as noted:
            before = organisations.known(self.connection).get(id)
            if before is not None and before.status is REMOVED:
                before = None  # nothing of its first time opens again
                self.connection.execute(OPEN_API_KEYS, (id,))
            if before is None and (name is None or not roles):
                raise OperatorError(f"{id} is new: say `--name` and `--role`.")
            entry = before or Entry(id, 1, name or id, amqp=False)
            if amqp and not entry.amqp:
                entry = replace(entry, amqp=True, suffixes=(new_suffix(),))
            entry = replace(
                entry,
                name=name or entry.name,
                roles=tuple(roles) or entry.roles,
                may_send=tuple(filter(None, may_send)) if may_send else entry.may_send,
                refers_to=tuple(refers_to) or entry.refers_to,
                systems=_systems(systems, entry),
                contact=contact or entry.contact,
                limits=_limits(limits, entry.limits),
                status=SUSPENDED if entry.status is SUSPENDED else ACTIVE,
            )
            entry.read(self.network)  # before anything is kept of it
            if before is not None and before.amqp and _by_http_alone(entry) - _by_http_alone(before):
                self._check_nothing_under_way(id)
            entry = organisations.save(self.connection, entry)
            network = organisations.network_with(organisations.known(self.connection), self.network)
            noted.note_organisations({one.id: as_audited(one) for one in network.organisations.values()})
            noted.commit()
            self._put_into_effect(entry, noted)
            self._end_copies(entry.read(self.network))
            has_key = any(keys.is_in_force(one, clock.now()) for one in keys.known(self.connection, id))
        will_have = self.place is None and Power.KEYS_IN_CUSTODY in entry.read(self.network).powers
        sealed = f" Nothing can be sealed to it before `./ruta partner rotate {id}` has its key."
        does = "stays suspended" if entry.status is SUSPENDED else "takes part"
        return (
            f"{id} {does}{self._when()}. What it is handed lies in {self.state.organisations / id}."
            f"{'' if has_key or will_have else sealed}"
        )

    def suspend(self, id: str) -> str:
        """Let nothing of an organisation in, and hand it nothing; what is for it is kept. Raises OperatorError."""
        with self._deciding() as noted:
            entry, is_new = self._decide(id, SUSPENDED)
            if is_new:
                noted.note("organisation_suspended", id)
            noted.commit()
            self._write_files()  # from here on nothing of it comes in
            if self.place is not None:
                with _reaching():
                    self._set_up_broker(entry, self.place)
                    self.place.management.delete(f"connections/username/{quote(id, safe='')}")
                self._notify_services(entry, self.place)
        return f"{id} is suspended{self._when()}: what is for it is kept until `./ruta partner resume {id}`."

    def resume(self, id: str) -> str:
        """Let an organisation take part again that was suspended. Raises OperatorError."""
        with self._deciding() as noted:
            entry, is_new = self._decide(id, ACTIVE)
            if is_new:
                noted.note("organisation_resumed", id)
            noted.commit()
            self._put_into_effect(entry, noted)
        return f"{id} takes part again{self._when()}."

    def remove(self, id: str, *, drop_unread: bool = False) -> str:
        """Let a suspended organisation take part no longer; its keys end. Raises OperatorError.

        What waits for it unread is dropped only where that is said, and the audit says how much it was.
        """
        place = self._running()
        with self._deciding() as noted, _reaching():
            known = organisations.known(self.connection).get(id)
            if known is None:
                raise OperatorError(f"{id} does not take part.")
            if known.status is ACTIVE:
                raise OperatorError(f"{id} takes part: `./ruta partner suspend {id}` first, and nothing more comes in.")
            queues = queues_of(known.read(self.network))
            with self._let_go(replace(known, status=REMOVED), queues, place) as left:
                under_way = sum(left[one] for one in queues if one[1].startswith(("submit.", "submitted.")))
                unread = self._unread_by_http(id) + sum(left.values()) - under_way
                if under_way:
                    raise OperatorError(f"{under_way:,} messages of {id} are being taken up: do it again in a while.")
                if unread and not drop_unread:
                    raise OperatorError(
                        f"{unread:,} messages wait for {id}: `./ruta partner resume {id}` lets it read them; "
                        "`--drop-unread` gives them up."
                    )
                entry, is_new = self._decide(id, REMOVED)
                if is_new:
                    noted.note("organisation_removed", id, unread=unread)
                entrance.note_revoked(noted, self.connection.execute(REVOKE_API_KEYS, (id,)).fetchall())
                for row in self.connection.execute(REVOKE_PUBLIC_KEYS, (id,)).fetchall():
                    noted.note("public_key_revoked", id, key=row["key_id"])
                noted.commit()
            self._write_files()
            self._notify_services(entry, place)
            self._take_down_broker(id, queues, place)
            self.state.forget_password(id)
        return f"{id} takes part no longer."

    def readdress(self, id: str) -> str:
        """Give an organisation queues with names that nobody guesses; what is in the old ones it still reads.

        Said again, it ends the old ones, once nothing is in them. Raises OperatorError.
        """
        place = self._running()
        with self._deciding() as noted, _reaching():
            entry = organisations.known(self.connection).get(id)
            if entry is None or entry.status is REMOVED or not entry.amqp:
                raise OperatorError(f"{id} does not come in by AMQP.")
            is_new = len(entry.suffixes) == 1
            if is_new:
                entry = organisations.save(self.connection, replace(entry, suffixes=(new_suffix(), *entry.suffixes)))
                noted.note("organisation_readdressed", id)
                noted.commit()
            self._put_into_effect(entry, noted)
            if is_new:
                return (
                    f"{id} has new queues: {self.state.organisations / id} says which. It reads what is left in the "
                    f"old ones and then the new ones; then `./ruta partner readdress {id}` ends the old ones."
                )
            self._end_old_queues(entry, noted, place)
        return f"The old queues are gone, and {id} has none whose name can be guessed."

    # -- inside --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _deciding(self) -> Iterator[Trail]:
        """One operator at a time, until what is decided is in effect; the lock is that of the keys."""
        with keys.alone(self.connection):
            yield begin(self.connection, self.state)

    def _check_nothing_under_way(self, id: str) -> None:
        """Raise OperatorError where something is on its way to an organisation's queues.

        A system that reads by HTTP alone has what comes from now on; what is under way was for the queues, and would be
        taken to be read by HTTP.
        """
        try:
            messages = self._running().waiting([(HUB, f"deliver.{id}")])
        except BrokerLost as error:
            raise OperatorError(f"The broker is away ({error}): do it again when it is there.") from None
        if messages:
            raise OperatorError(
                f"{messages:,} messages are on their way to {id}'s queues: do it again when it has read."
            )

    def _running(self) -> Beside:
        if self.place is None:
            raise OperatorError("Its queues are the broker's, which does not run: `./ruta up` first.")
        return self.place

    def _decide(self, id: str, status: OrganisationStatus) -> tuple[Entry, bool]:
        """Save a status, without a commit; return the row, and whether it is another than before."""
        before = organisations.known(self.connection).get(id)
        if before is None or (before.status is REMOVED and status is not REMOVED):
            raise OperatorError(f"{id} does not take part.")
        entry = organisations.save(self.connection, replace(before, status=status))
        return entry, entry != before

    def _put_into_effect(self, entry: Entry, noted: Trail) -> None:
        organisation = entry.read(self.network)
        if self.place is not None:
            if self.place.http_url is None:
                raise OperatorError("Nobody has said where HTTP is served: set RUTA_HTTP_URL, or `./ruta provision`.")
            self._notify_services(entry, self.place)
            with _reaching():
                self._set_up_broker(entry, self.place)
                unbind_old_queues(self.place.management, organisation)
            hand_to(
                organisation, noted, self.state, self.network.environment,
                amqp_urls=self._amqp_urls(entry.id, self.place), http_url=self.place.http_url,
            )  # fmt: skip
        self._write_files()

    def _notify_services(self, entry: Entry, place: Beside) -> None:
        organisations.notify_services(organisations.recorded(entry, self.network), place.amqp_urls[GATEWAY][HUB])

    def _write_files(self) -> None:
        organisations.write_register(organisations.known(self.connection), self.state)
        write_directory(self.connection, self.state)

    def _set_up_broker(self, entry: Entry, place: Beside) -> None:
        password = self.state.password(entry.id) if entry.amqp else None
        document = definitions_of(entry.read(self.network), self.network, password)
        place.management.post("definitions", document)

    @contextlib.contextmanager
    def _let_go(self, entry: Entry, queues: Sequence[Queue], place: Beside) -> Iterator[Mapping[Queue, int]]:
        """Have the gateway read these queues no more, as it will by `entry`; say how much is in each then.

        Where the block raises, it reads them again.
        """
        organisations.write_register(organisations.known(self.connection) | {entry.id: entry}, self.state)
        try:
            yield {queue: _left_in(queue, place) for queue in queues}
        except BaseException:
            self.connection.rollback()
            organisations.write_register(organisations.known(self.connection), self.state)
            raise

    def _end_old_queues(self, entry: Entry, noted: Trail, place: Beside) -> None:
        """Delete the old queues. Raises OperatorError where something is in one, or somebody reads it."""
        ended = replace(entry, suffixes=entry.suffixes[:1])
        now = queues_of(ended.read(self.network))
        old = [one for one in queues_of(entry.read(self.network)) if one not in now]
        with self._let_go(ended, old, place) as left:
            for (_, queue), messages in left.items():
                if messages:
                    raise OperatorError(f"{messages:,} messages are in {queue}: do it again when it has been read.")
            _delete(old, place)
            organisations.save(self.connection, ended)
            noted.note("organisation_readdressed", entry.id, ended=len(old))
            noted.commit()

    def _end_copies(self, organisation: Organisation) -> None:
        """Delete the queues of copies for systems that are to have none any more, once the gateway reads them not."""
        if self.place is None:
            return
        with _reaching():
            ended = [(HUB, queue) for queue in ended_copies(self.place.management, organisation)]
            for queue in ended:
                _left_in(queue, self.place)
            _delete(ended, self.place)

    def _take_down_broker(self, id: str, queues: Sequence[Queue], place: Beside) -> None:
        users = {one["name"] for one in place.management.get("users?columns=name")}
        if id in users:
            place.management.delete(f"users/{quote(id, safe='')}")
        _delete(queues, place)
        exchanges = {one["name"] for one in place.management.get(f"exchanges/{NETWORK}?columns=name")}
        if submit_exchange(id) in exchanges:
            place.management.delete(f"exchanges/{NETWORK}/{quote(submit_exchange(id), safe='')}")

    def _unread_by_http(self, id: str) -> int:
        row = self.connection.execute(UNREAD_BY_HTTP, (id,)).fetchone()
        assert row is not None
        return int(row["messages"])

    def _amqp_urls(self, id: str, place: Beside) -> list[str]:
        server = addresses.read(place.amqp_urls[GATEWAY][NETWORK], addresses.BROKER)
        return replace(server, user=id, password=self.state.password(id)).urls

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


def _left_in(queue: Queue, place: Beside) -> int:
    """How many messages are in a queue, once nobody reads it; with those that somebody has taken and not acknowledged.

    Raises OperatorError where it is read all the same.
    """
    vhost, name = queue
    until = time.monotonic() + LET_GO_WITHIN
    with contextlib.closing(broker.connect(place.amqp_urls[GATEWAY][vhost])) as connection:
        while (found := look(connection, name)) is not None and found.consumer_count:
            if name.startswith("inbox.") or time.monotonic() > until:
                raise OperatorError(f"The queue {name} is being read: do it again when it is not.")
            time.sleep(0.1)
    if found is None:
        return 0
    described = place.management.get(f"queues/{quote(vhost, safe='')}/{quote(name, safe='')}")
    # The broker counts what was taken every five seconds only; the gateway's has come back by now.
    taken = int(described.get("messages_unacknowledged", 0)) if name.startswith("inbox.") else 0
    return int(found.message_count) + taken


def _delete(queues: Sequence[Queue], place: Beside) -> None:
    there = {(vhost, one["name"]) for vhost in (NETWORK, HUB) for one in place.management.queues(vhost)}
    for vhost, name in queues:
        if (vhost, name) in there:
            place.management.delete(f"queues/{quote(vhost, safe='')}/{quote(name, safe='')}")


def _by_http_alone(entry: Entry) -> frozenset[str]:
    """The systems of an organisation that have no queue."""
    return frozenset(name for name, one in entry.systems.items() if not one.get("amqp", True))


def _limits(said: Sequence[str], before: Mapping[str, int]) -> Mapping[str, int]:
    """The limits of an organisation with those that are said, as `rate=200`; with `rate=` it is as for everybody."""
    limits = dict(before)
    for one in said:
        name, is_said, limit = one.partition("=")
        if not is_said or name not in OWN_LIMITS or (limit and not (limit.isascii() and limit.isdigit())):
            raise OperatorError(f"{one} is no limit: say NAME=NUMBER, of {', '.join(sorted(OWN_LIMITS))}.")
        limits.pop(name, None)
        if limit:
            limits[name] = int(limit)
    return limits


def _systems(file: Path | None, before: Entry) -> Mapping[str, Mapping[str, Any]]:
    """The systems of an organisation by a file of tables; none of those it has may be left out."""
    if file is None:
        return before.systems
    try:
        said: dict[str, dict[str, Any]] = tomllib.loads(file.read_text())
        for name in said:
            check_name(name)
        meaningless = sorted(f"`{key}` of {name}" for name, one in said.items() for key in one.keys() - OF_SYSTEMS)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TopologyError, AttributeError) as error:
        raise OperatorError(f"{file} is no file of systems: {error}.") from None
    if meaningless:
        raise OperatorError(f"{file} is no file of systems: {meaningless[0]} means nothing here.")
    for name, one in before.systems.items():
        if name in said and said[name].get("runs") != one.get("runs"):
            raise OperatorError(f"{name} cannot become, or cease to be, a service of {before.id}'s own: name another.")
        if name in said and one.get("amqp", True) and not said[name].get("amqp", True):
            raise OperatorError(f"What waits in {name}'s queue would be read by nobody: name another for HTTP alone.")
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

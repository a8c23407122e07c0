"""The organisations of the network, as the gateway's database has them; and how the hub's processes come to know them.

The database is right. What `network.toml` says of an organisation is taken over once. The gateway's processes read the
file that is written of the table (messaging/register.py). Services are notified by a message (`organisation.recorded`)
while they run, and the same is entered into their databases when these are provisioned.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from contracts import Draft, OrganisationRecorded, stamp
from contracts.codes import OrganisationStatus, Power
from deploy.local.operator_error import OperatorError
from deploy.local.state import State, write_private
from hub.console.hosting import uses_screens
from messaging import clock, organisations, register
from messaging.broker import BrokerLost, Publication, Publisher
from messaging.database import Connection, row_as_json
from messaging.identity import HUB
from messaging.topology import ANYBODY, TAKEN, DeclaredNetwork, Organisation, read, read_organisation

log = logging.getLogger("ruta.up")

RECORDED: Final = "organisation.recorded"

KNOWN: Final = """
    select id, number, name, roles, may_send, refers_to, systems, amqp, limits, suffixes, contact, status, changed_at
    from organisation where %(id)s::text is null or id = %(id)s order by id
"""
TAKING_PART: Final = "select id from organisation where status <> 'removed' order by id"
READS_BY_HTTP: Final = "insert into http_reader (organisation) values (%s) on conflict do nothing"
SYSTEM_READS_BY_HTTP: Final = "insert into system_reader (address) values (%s) on conflict do nothing"
SAVE: Final = """
    insert into organisation
        (id, number, name, roles, may_send, refers_to, systems, amqp, limits, suffixes, contact, status)
    select id, number, name, roles, may_send, refers_to, systems, amqp, limits, suffixes, contact, status
    from jsonb_populate_record(null::organisation, %s::jsonb)
    on conflict (id) do update set
        number = excluded.number, name = excluded.name, roles = excluded.roles, may_send = excluded.may_send,
        refers_to = excluded.refers_to, systems = excluded.systems, amqp = excluded.amqp, limits = excluded.limits,
        suffixes = excluded.suffixes, contact = excluded.contact, status = excluded.status,
        changed_at = clock_timestamp()
"""


@dataclass(frozen=True)
class Entry:
    """A row of the table."""

    id: str
    number: int
    name: str
    roles: tuple[str, ...] = ()
    may_send: tuple[str, ...] = ()
    systems: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refers_to: tuple[str, ...] = ANYBODY
    amqp: bool = True
    limits: Mapping[str, int] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ("",)
    contact: str | None = None
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    changed_at: datetime | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What `network.toml` would say of it."""
        return {
            "name": self.name,
            "roles": [*self.roles],
            "may_send": [*self.may_send],
            "systems": self.systems,
            "refers_to": [*self.refers_to],
            "amqp": self.amqp,
            **({"limits": self.limits} if self.limits else {}),
        }

    def read(self, network: DeclaredNetwork) -> Organisation:
        """What it may by the roles of the network. Raises OperatorError where there is no such role or service."""
        try:
            return read_organisation(self.id, self.said, network, self.status, self.suffixes)
        except (KeyError, TypeError, AttributeError) as error:
            raise OperatorError(f"What is known of {self.id} means nothing in this network: {error}.") from None


def new_suffix() -> str:
    """What nobody guesses, as the end of a queue's name."""
    return secrets.token_hex(16)


def seed(id: str, said: Mapping[str, Any]) -> Entry:
    """What `network.toml` says of an organisation, as a new row; with queues whose names anybody can guess."""
    return Entry(
        id,
        1,
        said["name"],
        tuple(said.get("roles", [])),
        tuple(said.get("may_send", [])),
        said.get("systems", {}),
        tuple(said.get("refers_to", ANYBODY)),
        said.get("amqp", True),
        said.get("limits", {}),
    )


def known(connection: Connection, id: str | None = None) -> dict[str, Entry]:
    """Every organisation that takes part or has taken part, by id; or only the one with an id."""
    return {row["id"]: _entry(row) for row in connection.execute(KNOWN, {"id": id})}


def with_reserved_names(connection: Connection, network: DeclaredNetwork) -> list[str]:
    """Who takes part under a name that nobody may be given any more; nobody where there is no such table yet."""
    if connection.execute("select 1 where to_regclass('organisation') is null").fetchone() is not None:
        return []
    rows = connection.execute(TAKING_PART).fetchall()
    return [row["id"] for row in rows if row["id"] in TAKEN or row["id"] in network.services]


def _entry(row: Mapping[str, Any]) -> Entry:
    several = {name: tuple(row[name]) for name in ("roles", "may_send", "refers_to", "suffixes")}
    return Entry(**{**row, **several, "status": OrganisationStatus(row["status"])})


def save(connection: Connection, entry: Entry) -> Entry:
    """Write a row, as the next of its organisation unless nothing of it changes; return it as it is then.

    Does not commit. Who has no AMQP, or which of its systems has none, reads by HTTP, whether it has begun to or not:
    what is for it is kept until then.
    """
    before = known(connection, entry.id).get(entry.id)
    if before is not None and before == replace(entry, number=before.number, changed_at=before.changed_at):
        return before
    entry = replace(entry, number=1 if before is None else before.number + 1)
    connection.execute(SAVE, (row_as_json(asdict(entry)),))
    if not entry.amqp:
        connection.execute(READS_BY_HTTP, (entry.id,))
    for name, system in entry.systems.items():
        if not (entry.amqp and system.get("amqp", True)):
            connection.execute(SYSTEM_READS_BY_HTTP, (f"{entry.id}.{name}",))
    return entry


def take_over(connection: Connection, network: DeclaredNetwork, state: State) -> None:
    """Enter the organisations of the network file that were never known; what is known is not as the file says.

    Who has a password already is connected, since before there was a table of organisations, and keeps its queues.
    """
    connected = state.known_passwords()
    before = known(connection)
    for id, said in network.seeds.items():
        entry = seed(id, said)
        if id not in before:
            new = entry.amqp and id not in connected
            save(connection, replace(entry, suffixes=(new_suffix(),)) if new else entry)
        elif before[id].status is not OrganisationStatus.REMOVED and before[id].said != entry.said:
            log.warning("%s is not as network.toml says: `./ruta partner add` changes it, the file does not", id)


def network_with(entries: Mapping[str, Entry], network: DeclaredNetwork) -> DeclaredNetwork:
    """The network with these organisations in place of those of its file. Raises OperatorError."""
    there = {id: one for id, one in entries.items() if one.status is not OrganisationStatus.REMOVED}
    return replace(
        network,
        organisations={id: one.read(network) for id, one in there.items()},
        removed=frozenset(entries.keys() - there.keys()),
    )


def network_of(state: State) -> DeclaredNetwork:
    """The network of a state directory, with the organisations that take part in it now. Raises TopologyError."""
    network = read()
    return register.read(state.organisations_file, network) if state.organisations_file.exists() else network


def write_register(entries: Mapping[str, Entry], state: State) -> None:
    """Write the file that the gateway's processes read."""
    text = register.written(
        {id: {"said": one.said, "status": one.status, "suffixes": one.suffixes} for id, one in entries.items()}
    )
    write_private(state.organisations_file, text)


def recorded(entry: Entry, network: DeclaredNetwork) -> OrganisationRecorded:
    """What services are notified of about an organisation."""
    if entry.status is OrganisationStatus.REMOVED:  # perhaps by a role that is gone, too
        return OrganisationRecorded(organisation=entry.id, number=entry.number, status=entry.status)
    one = entry.read(network)
    return OrganisationRecorded(
        organisation=entry.id,
        number=entry.number,
        status=entry.status,
        powers=tuple(sorted({*one.powers, *([Power.USES_SCREENS] if uses_screens(one) else [])})),
        handles=tuple(sorted({name for system in one.systems if system.runs for name in system.reads})),
    )


def record_in(connection: Connection, said: Sequence[OrganisationRecorded]) -> None:
    """Enter what services are notified of into a service's database, as if it had been, and commit."""
    connection.execute(organisations.PROVISION, (organisations.as_rows(said),))
    connection.commit()


def notify_services(said: OrganisationRecorded, hub_url: str) -> None:
    """Notify the services; what is in their queues then, they have before anything that comes later.

    Raises OperatorError where the broker does not take it.
    """
    message = stamp(Draft(said, subject=said.organisation), source=HUB, time=clock.now())
    publisher = Publisher(hub_url)
    try:
        failed = publisher.publish([Publication(HUB, message.type, message.to_json(), str(message.id))])
    except BrokerLost as error:
        raise OperatorError(f"The broker is away ({type(error).__name__}): do it again when it is there.") from None
    finally:
        publisher.drop()
    if failed:
        raise OperatorError("The broker has not taken what the services are notified of: do it again.")

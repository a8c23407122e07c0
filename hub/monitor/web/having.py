"""Who has what a story is about, and who has not: for each organisation that it is for, whether it is read, or why.

And of what came in from organisations, what has not been applied yet, who has it, and whether that one runs. What the
log has hidden or forgotten is not looked for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from contracts.codes import OrganisationStatus
from hub.console.web.settings import Settings
from hub.console.web.words import N_
from hub.gateway import outcomes
from hub.gateway.outcomes import Said
from hub.monitor.log.reading import Became, Entry
from hub.monitor.seen import Seen, SeenAlert
from hub.monitor.web import log, state
from hub.monitor.web.log import LogAway
from hub.monitor.web.looking import Looked
from messaging import clock, database
from messaging.identity import HUB
from messaging.topology import GATEWAY

SUSPENDED: Final = N_("Esa organización está suspendida: mientras tanto no lee nada, y lo que es para ella se guarda.")
GONE: Final = N_("Esa organización ya no participa en la red: no se le entrega nada.")
HAS_ALL: Final = N_("Sí: confirmó que lo leyó.")
NOT_READ: Final = N_("No: está en su buzón desde hace %(span)s, y no lo ha leído.")
BY_AMQP: Final = N_("Se le entregó hace %(span)s por AMQP, donde nadie confirma lo que lee.")
UNREAD: Final = N_("Lo más antiguo de su buzón espera desde hace %(span)s a que lo lea.")
ALL_READ: Final = N_("En su buzón no queda nada por leer.")
NOT_THERE: Final = N_("No: salió hace %(span)s y todavía no está en su buzón.")
NOT_KNOWN: Final = N_("Sin dato: la base de datos gateway no contesta, y ella sabe qué se entregó.")
ENDED: Final = N_("El proceso %(process)s no corre: esto espera hasta que vuelva, y no se pierde.")
FROZEN: Final = N_("El proceso %(process)s está detenido: esto espera hasta que siga, y no se pierde.")
NOT_SEEN: Final = N_("Nadie ha mirado en los últimos dos minutos qué procesos corren.")
ITS_TURN: Final = N_("Le toca a esa organización leerlo.")

VOUCHED: Final = "select id, proof from vouch(%s::uuid[])"
DELIVERED: Final = """
    select organisation, source, message_id, delivered_at, acknowledged_at, reads_by_http
    from operators.deliveries_of(%s::uuid[], %s::bytea[])
"""
STOPS: Final = frozenset({
    "network_ended", "supervisor_frozen", "disk_full", "broker_away", "database_away", "broker_alarm",
    "broker_degraded", "broker_differs", "process_dead", "reader_frozen", "no_consumer", "queue_old", "outbox_old",
    "reconciliation_gap",
})  # fmt: skip
"""The alerts that say why something does not get on."""
SHOWN: Final = 20  # organisations, and messages that are not applied


@dataclass(frozen=True)
class Holder:
    """An organisation that something is for."""

    id: str
    name: str
    has_it: bool | None
    """None: nobody can tell."""
    what: str
    """The contract of the first that it has not, or of the last that it has."""
    path: str
    says: Sequence[str]
    first: str
    """The first command, where there is one."""


@dataclass(frozen=True)
class Pending:
    """A message of an organisation that is not applied."""

    what: str
    path: str
    source: str
    says: Sequence[str]
    """What has become of it."""
    ends: Sequence[str]
    """Which processes that have to apply it do not run."""
    given_up: bool
    first: str


@dataclass(frozen=True)
class Standing:
    """Who has it, and who has not; what keeps any of it where it is."""

    holders: Sequence[Holder]
    pending: Sequence[Pending]
    causes: Sequence[SeenAlert]


def standing(entries: Sequence[Entry], looked: Looked, seen: Seen | None, settings: Settings) -> Standing:
    """Say of these messages, the oldest first, who has them and who has not."""
    plain = [one for one in entries if not one.confidential and not one.erased and one.kind == "passed"]
    of: dict[str, list[Entry]] = defaultdict(list)
    for one in plain:
        if one.recipient is not None and one.recipient != HUB:
            of[one.recipient].append(one)
    delivered = _delivered(settings, [one.id for those in of.values() for one in those])
    holders = [_holder(id, those, delivered, looked, seen, settings) for id, those in sorted(of.items())]
    pending = list(_pending(plain, looked, seen, settings, is_for_nobody=not holders))
    stands = pending or any(one.has_it is not True for one in holders)
    return Standing(
        sorted(holders, key=lambda one: one.has_it is True)[:SHOWN],
        pending[:SHOWN],
        stopping(seen) if stands else (),
    )


def stopping(seen: Seen | None) -> list[SeenAlert]:
    """What keeps messages from getting on at the moment, causes alone."""
    return [one for one in (state.told(seen) if seen is not None else ()) if one.name in STOPS]


Key = tuple[str, str, UUID]


def _delivered(settings: Settings, ids: Sequence[UUID]) -> Mapping[Key, Mapping[str, Any]] | None:
    """What the gateway knows of deliveries, of those for which the log vouches; None where nobody can tell."""
    url = settings.operators.get(GATEWAY)
    if url is None or not ids:
        return None if ids else {}
    try:
        vouched = log.ask(settings, lambda connection: connection.execute(VOUCHED, (list(ids),)).fetchall())
        asked = [row["id"] for row in vouched], [row["proof"] for row in vouched]
        with database.connect(url, within=log.CONNECTS_WITHIN, answer_within=log.ANSWERS_WITHIN) as connection:
            rows = connection.execute(DELIVERED, asked).fetchall()
    except (LogAway, psycopg.Error):
        return None
    return {(row["organisation"], row["source"], row["message_id"]): row for row in rows}


def _holder(
    id: str,
    those: Sequence[Entry],
    delivered: Mapping[Key, Mapping[str, Any]] | None,
    looked: Looked,
    seen: Seen | None,
    settings: Settings,
) -> Holder:
    """Of one organisation: the first of its messages that it has not, else the last."""
    rows = [(one, (delivered or {}).get((id, one.source, one.id))) for one in those]
    one, row = next((both for both in rows if not _is_read(both[1])), rows[-1])
    known, say = settings.organisations().get(id), looked.say

    def holder(has_it: bool | None, *says: str, first: str = "") -> Holder:
        return Holder(id, say.organisation(id), has_it, one.type or "", f"/mensaje/{one.id}", says, first)

    def ago(at: datetime) -> str:
        return looked.lasting((clock.now() - at).total_seconds())

    if known is None or known.status is OrganisationStatus.REMOVED:
        return holder(False, say.text(GONE))
    if _is_read(row):
        return holder(True, say.text(HAS_ALL))
    because = [say.text(SUSPENDED)] if known.status is not OrganisationStatus.ACTIVE else []
    first = f"./ruta partner show {id}"
    if delivered is None:
        return holder(None, *because, say.text(NOT_KNOWN), *_reading(id, looked, seen), first=first)
    if row is None:
        return holder(False, *because, say.text(NOT_THERE) % {"span": ago(one.arrived_at)}, first="./ruta status")
    span = {"span": ago(row["delivered_at"])}
    if row["reads_by_http"]:
        return holder(False, say.text(NOT_READ) % span, *(because or [say.text(ITS_TURN)]), first=first)
    inbox = _reading(id, looked, seen)
    has_none = say.text(ALL_READ) in inbox and looked.at is not None and row["delivered_at"] < looked.at
    has_it = False if because else True if has_none else None
    return holder(has_it, *because, say.text(BY_AMQP) % span, *inbox, first="" if has_it else first)


def _is_read(row: Mapping[str, Any] | None) -> bool:
    return row is not None and row["acknowledged_at"] is not None


def _reading(id: str, looked: Looked, seen: Seen | None) -> list[str]:
    """What is known of an organisation's inbox."""
    its = next((one for one in (seen and seen.organisations) or () if one.id == id), None)
    if its is None or its.unread is None:
        return []
    say = looked.say
    return [say.text(UNREAD) % {"span": looked.lasting(its.unread)} if its.unread else say.text(ALL_READ)]


def _pending(
    entries: Sequence[Entry], looked: Looked, seen: Seen | None, settings: Settings, *, is_for_nobody: bool
) -> Iterator[Pending]:
    """What organisations have said, and has not been applied; what was refused alone where nothing has come of any."""
    say = looked.say
    for one in entries:
        if one.source == HUB or one.recipient is not None or not one.type:
            continue
        whole = outcomes.whole([said(part) for part in one.now], outcomes.readers(one.type, settings.services))
        if whole.state == "applied" or not (whole.said or whole.silent):
            continue
        if whole.state == "refused" and not is_for_nobody:
            continue
        ended = list(_ended(whole.silent, looked, seen))
        yield Pending(
            one.type,
            f"/mensaje/{one.id}",
            say.organisation(one.source),
            outcomes.in_words(whole, say.language),
            ended,
            whole.state == "quarantined",
            "./ruta status" if ended else "",
        )


def _ended(services: Collection[str], looked: Looked, seen: Seen | None) -> Iterator[str]:
    """Of services that have said nothing, that none of their processes works."""
    if services and seen is None:
        yield looked.say.text(NOT_SEEN)
    for service in services:
        its = [one for one in (seen.processes if seen is not None else ()) if _part_of(one.name) == service]
        if its and not any(one.state == "running" for one in its):
            words = ENDED if any(one.state == "dead" for one in its) else FROZEN
            yield looked.say.text(words) % {"process": ", ".join(one.name for one in its)}


def _part_of(process: str) -> str:
    service, _, number = process.rpartition("-")
    return service if number.isdigit() else process


def said(part: Became) -> Said:
    """What a service has said, as outcomes.py has it."""
    waiting_for = str(part.waiting_for) if part.waiting_for is not None else None
    return Said(part.service, part.state, part.code, waiting_for, part.until, part.said_at)

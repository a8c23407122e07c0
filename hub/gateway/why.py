"""`./ruta why MESSAGE_ID`: where a message came in, who has it, what became of it, and what it has caused.

    python -m hub.gateway.why MESSAGE_ID [--language es|en] [--json]      (SERVICE_DATABASE_URL: the gateway's,
                                                                          LOG_DATABASE_URL: the monitor's,
                                                                          OPERATORS_DATABASE_URLS: of each service as
                                                                          operators log in there, a JSON object)

And what operators have had done with it, in which operation, with what result: as the operation itself shows it.

For operators: of any organisation's message, and of two that have used the same id both. Ids and codes only; of what
the message log does not show (of confidential cases), or has not, and of all where no log is named, the id, the family
of its contract and the services.
Ends with 1 where nothing is known of the message, and with 2 where that cannot be looked up.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import psycopg
from cyclopts import App, Parameter

from contracts.codes import OrganisationStatus
from hub.gateway import outcomes
from hub.gateway.keeping import OUTCOMES_FOR
from hub.gateway.outcomes import Language
from hub.monitor.mending import mended
from hub.monitor.mending.databases import Databases
from hub.monitor.mending.mended import Mended
from messaging import database
from messaging.database import Connection, Row
from messaging.identity import HUB
from messaging.topology import NETWORK_FILE, Service
from messaging.topology import read as read_network

app = App(name="ruta why", help="What became of a message, and what it has caused.", version_flags=[])

SUBMISSIONS = """
    select source as organisation, type, system, accepted_at from submission where message_id = %s
"""
OUTCOMES = "select * from outcome where message_id = %s order by changed_at, service"
CAUSED = """
    select organisation, number, message_id, type, subject, delivered_at, acknowledged_at, body is null as emptied,
           address, copy, read_by_http(organisation, address, copy) as reads_by_http,
           (select status from organisation where organisation.id = delivery.organisation) as organisation_status
    from delivery where causationid = %s order by delivered_at, organisation, number
"""
ITSELF = """
    select organisation, number, source, type, delivered_at, acknowledged_at,
           address, copy, read_by_http(organisation, address, copy) as reads_by_http,
           (select status from organisation where organisation.id = delivery.organisation) as organisation_status
    from delivery where message_id = %s order by delivered_at, organisation
"""

# What the log shows, it vouches for (hub/monitor/migrations/0008).
SHOWN: Final = "select id from vouch(%s::uuid[])"
NOT_SHOWN: Final = "-"  # in place of what is not

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "unknown": "Nothing is known of message {id}. One sent by HTTP is known as soon as it is accepted, one by AMQP "
        "once a service has processed it; until then it waits in a queue (./ruta status). After {days} days nothing is "
        "known of either.",
        "http": "It came from {organisation} by HTTP{system}, at {at}: {type}.",
        "amqp": "It came from {organisation} by AMQP: {type}.",
        "untyped": "of a type that could not be read",
        "system": ", from its system {system}",
        "hub": "It is for {organisation}, said by {source}, number {number} in its inbox: {type}, {read}.",
        "caused": "It has caused:",
        "nothing": "It has caused nothing for anybody yet.",
        "delivery": "for {organisation}: {type} {id}, about {subject}, {read}",
        "acknowledged": "acknowledged",
        "not acknowledged": "not acknowledged yet",
        "amqp only": "delivered by AMQP, where the hub is told of no acknowledgement",
        "suspended": "not acknowledged: it is suspended, and reads nothing meanwhile",
        "retry": "tried again",
        "give_back": "given back",
        "mended": "In {service} it was {done} by {by}, {at}; the result: {result}. Why: ./ruta failures operation {id}",
        "remains": "none yet",
        "unseen": "Whether anybody had it tried again or given back in {services} is not seen: the database does not "
        "answer.",
        "hidden": "Where a - stands, the message log does not show it: the case is confidential, or the log has no "
        "such message, or cannot be read (./ruta trace {id}).",
    },
    "es": {
        "unknown": "No se sabe nada del mensaje {id}. De uno por HTTP se sabe desde que se recibe; de uno por AMQP, "
        "desde que un servicio lo procesa: hasta entonces espera en una cola (./ruta status). A los {days} días ya no "
        "se sabe nada de ninguno.",
        "http": "Entró de {organisation} por HTTP{system}, el {at}: {type}.",
        "amqp": "Entró de {organisation} por AMQP: {type}.",
        "untyped": "de un tipo que no se pudo leer",
        "system": ", desde su sistema {system}",
        "hub": "Es para {organisation}, de parte de {source}, el número {number} de su buzón: {type}, {read}.",
        "caused": "A raíz de él se envió:",
        "nothing": "Todavía no se ha enviado nada a raíz de él.",
        "delivery": "para {organisation}: {type} {id}, sobre {subject}, {read}",
        "acknowledged": "con acuse de recibo",
        "not acknowledged": "todavía sin acuse de recibo",
        "amqp only": "entregado por AMQP, de donde la red no recibe acuse",
        "suspended": "sin acuse de recibo: está suspendida, y mientras tanto no lee nada",
        "retry": "se intentó otra vez",
        "give_back": "se devolvió",
        "mended": "En {service} {done}, por orden de {by}, el {at}; resultó: {result}. Por qué: ./ruta failures "
        "operation {id}",
        "remains": "todavía nada",
        "unseen": "No se ve si alguien hizo que se intentara otra vez o se devolviera en {services}: su base de datos "
        "no contesta.",
        "hidden": "Donde hay un -, el registro de mensajes no lo muestra: el caso es reservado, o el registro no "
        "tiene ese mensaje, o no se puede leer (./ruta trace {id}).",
    },
}


def look_up(
    connection: Connection,
    message_id: UUID,
    services: Mapping[str, Service],
    log_database_url: str | None,
    operators: Databases,
) -> dict[str, Any]:
    """Return all that is known of a message, as the JSON has it, and of that what the log shows."""
    done = mended.look_up(operators, message_id)
    delivered = connection.execute(ITSELF, (message_id,)).fetchall()
    caused = connection.execute(CAUSED, (message_id,)).fetchall()
    ids = {message_id, *(row["message_id"] for row in caused)}
    shown = set() if log_database_url is None else _shown(log_database_url, ids)
    hides = message_id not in shown
    submitted = {row["organisation"]: row for row in connection.execute(SUBMISSIONS, (message_id,)).fetchall()}
    said: dict[str, list[Row]] = {}
    for row in connection.execute(OUTCOMES, (message_id,)).fetchall():
        said.setdefault(row["organisation"], []).append(row)
    came = [
        _came(organisation, submitted.get(organisation), said.get(organisation, []), services, hides=hides)
        for organisation in sorted(submitted.keys() | said.keys())
    ]
    return {
        "id": message_id,
        "came": came,
        "delivered": [_hidden(row) if hides else row for row in delivered],
        "caused": [row if row["message_id"] in shown else _hidden(row) for row in caused],
        "hidden": not ids <= shown,
        "mended": [_mended(one) for one in done.rows],
        "unseen": done.unseen,
    }


def _mended(one: Mended) -> dict[str, Any]:
    """What was done, without the words of the reason: whoever typed them may have named somebody."""
    return {name: value for name, value in asdict(one).items() if name != "why"}


def _shown(log_database_url: str, ids: Collection[UUID]) -> set[UUID]:
    """Which of these the log shows; none where it cannot be read."""
    try:
        with database.connect(log_database_url) as log:
            return {row["id"] for row in log.execute(SHOWN, (list(ids),)).fetchall()}
    except psycopg.Error:
        return set()


def _hidden(row: Row) -> Row:
    """A delivery without whose it is, and about what."""
    hidden = dict.fromkeys({"organisation", "address", "number", "subject"} & row.keys(), NOT_SHOWN)
    source = {"source": row["source"] if row["source"] == HUB else NOT_SHOWN} if "source" in row else {}
    return {**row, **hidden, **source, "type": _family(row["type"])}


def _family(type: str) -> str:
    return type.partition(".")[0]


def _came(
    organisation: str, submitted: Row | None, rows: list[Row], services: Mapping[str, Service], *, hides: bool
) -> dict[str, Any]:
    type = submitted["type"] if submitted else outcomes.type_of(rows)
    accepted_at = submitted["accepted_at"] if submitted else None
    said = outcomes.from_rows(rows)
    readers = outcomes.readers(type or "", services)
    if hides:  # who has said nothing yet would tell which contract it is
        said, readers = [replace(one, code=None, waiting_for=None) for one in said], frozenset()
        organisation, type = NOT_SHOWN, _family(type) if type else None
    found = outcomes.whole(said, readers, accepted_at)
    return {
        "organisation": organisation,
        "type": type,
        "entrance": "http" if submitted else "amqp",
        "system": submitted["system"] if submitted and not hides else None,
        "accepted_at": accepted_at,
        "state": found.state,
        "services": [asdict(one) for one in found.said],
        "silent": found.silent,
        "words": {language: outcomes.in_words(found, language) for language in WORDS},
    }


def in_words(found: Mapping[str, Any], language: Language) -> list[str]:
    """Say it in lines."""
    words = WORDS[language]
    lines: list[str] = []
    for one in found["came"]:
        system = words["system"].format(system=one["system"]) if one["system"] else ""
        at = _moment(one["accepted_at"]) if one["accepted_at"] else ""
        type = one["type"] or words["untyped"]
        how = words[one["entrance"]]
        lines.append(how.format(organisation=one["organisation"], system=system, at=at, type=type))
        first, *parts = one["words"][language]
        lines += [first, *(f"  {part}" for part in parts)]
    for one in found["delivered"]:
        lines.append(words["hub"].format(**one | {"organisation": _to(one)}, read=_read(one, words)))
    done = [_done(one, words) for one in found["mended"]]
    if found["unseen"]:
        done.append(words["unseen"].format(services=", ".join(sorted(found["unseen"]))))
    if not lines:
        return [words["unknown"].format(id=found["id"], days=OUTCOMES_FOR.removesuffix(" days")), *done]
    lines += [*done, words["caused"] if found["caused"] else words["nothing"]]
    for one in found["caused"]:
        named = {"organisation": _to(one), "type": one["type"], "subject": one["subject"]}
        lines.append(f"  {words['delivery'].format(**named, id=one['message_id'], read=_read(one, words))}")
    if found["hidden"]:
        lines.append(words["hidden"].format(id=found["id"]))
    return lines


def _done(one: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """What operators have had done with it."""
    code = f" ({one['code']})" if one["code"] else ""
    return words["mended"].format(
        service=one["service"],
        done=words[one["act"]],
        by=one["started_by"],
        at=_moment(one["started_at"]),
        result=f"{one['result'] or words['remains']}{code}",
        id=one["operation_id"],
    )


def _to(delivery: Row) -> str:
    """Whom it is for: of a copy, the system."""
    return str(delivery["address"] if delivery["copy"] else delivery["organisation"])


def _read(delivery: Row, words: Mapping[str, str]) -> str:
    if delivery["acknowledged_at"] is not None:
        return words["acknowledged"]
    if delivery["organisation_status"] == OrganisationStatus.SUSPENDED:
        return words["suspended"]
    return words["not acknowledged" if delivery["reads_by_http"] else "amqp only"]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def is_known(found: Mapping[str, Any]) -> bool:
    """Whether anything is known of the message itself."""
    return bool(found["came"] or found["delivered"] or found["mended"])


@app.default
def why(
    message_id: UUID,
    *,
    language: Annotated[Literal["es", "en"], Parameter(help="in which to say it")] = "en",
    json_: Annotated[bool, Parameter(name="--json", help="as one JSON object")] = False,
) -> int:
    """Say where a message came in, what became of it by service, what was done with it, and what it has caused.

    Ids and codes only, of any organisation's message. A message that came by AMQP is known from its processing on.
    Ends with 1 where nothing is known of it.

    Parameters
    ----------
    message_id
        The message's own `id`.
    """
    services = read_network(Path(os.environ.get("RUTA_NETWORK_FILE", NETWORK_FILE))).services
    url = os.environ.get("SERVICE_DATABASE_URL")
    if url is None:
        raise NothingThereError
    with database.connect(url) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        operators = json.loads(os.environ.get("OPERATORS_DATABASE_URLS", "{}"))
        found = look_up(connection, message_id, services, os.environ.get("LOG_DATABASE_URL"), operators)
    if json_:
        print(json.dumps(found, default=_as_json, indent=1, ensure_ascii=False))
    else:
        print("\n".join(in_words(found, language)))
    return 0 if is_known(found) else 1


class NothingThereError(Exception):
    """No database is named: there has been no network yet."""


def _as_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    try:
        code: int = app(arguments, result_action="return_value")
    except NothingThereError:
        problem = "There has been no network yet: start `./ruta up` first."
    except psycopg.Error:  # what it says may name the server
        problem = (
            "The gateway's database cannot be read: what came in and what became of it is not seen here. `./ruta "
            "status` says whether it is away; `./ruta up` makes it, and brings it up to date."
        )
    else:
        return code
    print(f"why: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What became of a message that an organisation has sent, by whichever entrance it came in."""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import Response

from hub.gateway import outcomes
from hub.gateway.http import keys, limits
from hub.gateway.http.delivered import DatabaseAway, Inbox, Pool, connected
from hub.gateway.http.problems import Language, Problem, language_of
from messaging import topology

MOST_CAUSED = 100  # deliveries in one answer
CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
RETRY_AFTER = 2  # seconds, where the database is away

SUBMITTED = "select type, accepted_at from submission where source = %(organisation)s and message_id = %(id)s"
SAID = """
    select service, type, state, code, waiting_for, until, changed_at from outcome
    where organisation = %(organisation)s and message_id = %(id)s
"""
CAUSED = """
    select message_id, type, subject, number from delivery where {of} and causationid = %(id)s
    order by number limit {most} + 1
"""


async def read_message(request: Request) -> Response:
    """Answer with what became of a message. Another's id, an unknown one and what is no id are all the same: 404."""
    caller = keys.caller(request)
    limits.parameters(request.scope["query_string"])
    language = language_of(dict(request.scope["headers"]))
    said = request.path_params["id"]
    document = None
    if CANONICAL_UUID.fullmatch(said):
        try:
            document = await outcome_of(
                request.app.state.pool, caller.organisation, UUID(said), system=caller.system, language=language
            )
        except DatabaseAway:
            raise Problem(503, "database_away", retry_after=RETRY_AFTER) from None
    if document is None:
        raise Problem(404, "unknown_message", "id")
    headers = {"cache-control": "no-store", "content-language": language, "vary": "Accept-Language"}
    return Response(msgspec.json.encode(document), media_type="application/json", headers=headers)


async def outcome_of(
    pool: Pool, organisation: str, message_id: UUID, *, system: str | None = None, language: Language = "es"
) -> dict[str, Any] | None:
    """Return what became of an organisation's message, None where it has sent none with this id that is known.

    What is `final` will not change by itself. With a `system`, what the message caused is that system's part of it.
    One that came in by AMQP is known from when it was processed. Raises DatabaseAway.
    """
    inbox = Inbox.of(organisation, system)
    named = inbox.named(id=message_id)
    async with connected(pool, organisation) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        submitted = await (await cursor.execute(SUBMITTED, named)).fetchone()
        said = await (await cursor.execute(SAID, named)).fetchall()
        if submitted is None and not said:
            return None
        caused = await (await cursor.execute(inbox.statement(CAUSED, most=MOST_CAUSED), named)).fetchall()
    contract_type = submitted["type"] if submitted is not None else outcomes.type_of(said) or ""
    accepted_at = submitted["accepted_at"] if submitted is not None else None
    whole = outcomes.whole(outcomes.from_rows(said), outcomes.readers(contract_type, _services()), accepted_at)
    return {
        "id": str(message_id),
        "type": contract_type,
        "entrance": "http" if submitted is not None else "amqp",
        "accepted_at": accepted_at,
        "state": whole.state,
        "final": whole.is_final,
        "says": outcomes.state_in_words(whole.state, language),
        "services": [
            {
                "service": one.service,
                "state": one.state,
                "code": one.code,
                "waiting_for": one.waiting_for,
                "until": one.until,
                "at": one.at,
                "says": outcomes.part_in_words(one, language),
            }
            for one in whole.said
        ],
        "silent": list(whole.silent),
        "caused": [_caused(row) for row in caused[:MOST_CAUSED]],
        "more_caused": len(caused) > MOST_CAUSED,
    }


def _caused(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "id": str(row["message_id"]),
        "type": row["type"],
        "subject": row["subject"],
        "cursor": str(row["number"]),
    }


@cache
def _services() -> Mapping[str, topology.Service]:
    """Return who reads what. Whoever changes that starts the processes anew."""
    named = os.environ.get("RUTA_NETWORK_FILE")
    return (topology.read(Path(named)) if named else topology.read()).services

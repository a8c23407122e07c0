"""What services/referrals and its floor have written and said for the same requests: it has to be the same.

All columns and all fields are compared but the ids of the messages and the times of day: a time counts by how far it
lies from the moment of sending, in whole minutes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

import contracts
from bench import task
from bench.ground import Ground
from bench.messages import Sent
from deploy.local import OperatorError

LOOKED_AT: Final = 20  # requests
QUEUES: Final = (f"deliver.{task.RECIPIENT}", "intake")  # of the recipient, and of a service of the hub

WRITTEN: Final[Mapping[str, LiteralString]] = {
    "referral": "select to_jsonb(referral) as row from referral where referral_id = %(referral)s",
    "history": "select to_jsonb(history) - 'history_id' as row from history where referral_id = %(referral)s",
    "inbox": "select to_jsonb(inbox) - 'received_at' as row from inbox where message_id = %(request)s",
    "outbox": """
        select jsonb_build_array(routing_key, body::jsonb - 'id') as row
        from outbox where body like %(caused)s order by position
    """,
}

# For each request one of the first, and three messages.
ALL: Final[Mapping[str, LiteralString]] = {
    "referral": "select count(*) from referral",
    "history": "select count(*) from history",
    "inbox": f"select count(*) from inbox where source = '{task.SENDER}'",
    # What became of messages (messages.processed) comes for each batch, and only we say it; what is recorded of
    # services comes of what was published before.
    "outbox": "select count(*) from outbox"
    " where not starts_with(routing_key, 'messages.processed.') and not starts_with(routing_key, 'service.recorded.')",
}


@dataclass(frozen=True)
class Looked:
    """What somebody has written: how many rows and messages for each request, and all of some."""

    each: Mapping[str, float]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]  # by the id of the request, then by table


def look(ground: Ground, asked: Sequence[Sent]) -> Looked:
    """Look at what has been written for these requests, in a run that is about to end."""
    counts = {name: ground.number(query) for name, query in ALL.items()}
    with ground.looking() as looking:
        counts |= {queue: looking.ready(queue) for queue in QUEUES}
    with psycopg.connect(ground.database_url, row_factory=dict_row) as database:
        rows = {one.message_id: _rows(database, one) for one in asked[:LOOKED_AT]}
    return Looked({name: count / len(asked) for name, count in counts.items()}, rows)


def check(service: Looked, floor: Looked) -> None:
    """Raise OperatorError with the first difference between the two."""
    if service.each != floor.each:
        raise OperatorError(f"The floor of requests writes {floor.each} for each, the service {service.each}.")
    for request, expected in service.rows.items():
        for one, other in zip_longest(expected, floor.rows.get(request, ())):
            if one != other:
                raise OperatorError(f"The floor of requests is no floor: it has {other}, the service {one}.")


def _rows(database: "psycopg.Connection[dict[str, Any]]", request: Sent) -> list[Mapping[str, Any]]:
    message = contracts.parse(request.body)
    keys = {
        "referral": message.data.referral_id,
        "request": message.id,
        "caused": f'%"causationid":"{message.id}"%',
    }
    found = [{name: row["row"]} for name, query in WRITTEN.items() for row in database.execute(query, keys).fetchall()]
    if not found or "referral" not in found[0]:
        return []  # it is lost, and counted as that
    sent_at = datetime.fromisoformat(found[0]["referral"]["sent_at"])
    return [json.loads(json.dumps(_without_times(one, sent_at, message.time))) for one in found]


def _without_times(value: Any, sent_at: datetime, claimed: datetime) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(one, sent_at, claimed) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_times(one, sent_at, claimed) for one in value]
    at = _time(value)
    if at is None:
        return value
    return "as claimed" if at == claimed else f"sent + {round((at - sent_at).total_seconds() / 60)} min"


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None

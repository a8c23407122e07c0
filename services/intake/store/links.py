"""What coordinators have decided of matches, and who is one person of the network then: SQL."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite
from messaging.transaction import Transaction
from services.intake.rules.links import UNDONE, Circle, Pair, match_id_of, network_id_of
from services.intake.store.cause import Cause

# Two decisions at the same time, each about one end of what joins them, would not see each other's.
ONE_AT_A_TIME: Final = "lock table network_person in exclusive mode"

REGISTERED: Final = "select person_id from person where person_id = any(%s) for key share"

# The registrations that coordinators have linked with one; none where they have linked none.
LINKED: Final = """
    select other.person_id from network_person as one join network_person as other using (network_id)
    where one.person_id = %(person_id)s
"""

# By whom a person was registered, under whichever linked id, and under which: of several the one that is asked about.
REGISTRARS: Final = """
    with asked as (select id from unnest(%b::uuid[]) as named(id)),
    theirs as (
        select id, id as person_id from asked
        union
        select id, other.person_id
        from asked join network_person as one on one.person_id = id join network_person as other using (network_id)
    ),
    registered as (
        select distinct on (id, registered_by) id, registered_by, person_id from theirs join person using (person_id)
        order by id, registered_by, person_id <> id, person_id
    )
    select id as key, array_agg(registered_by) as organisations, array_agg(person_id) as ids
    from registered group by id
"""

TOGETHER: Final = """
    select person_id from network_person
    where network_id in (select network_id from network_person where person_id = any(%s))
"""

DECIDED: Final = """
    select person_id, other_id, decision from match
    where decision is not null and person_id = any(%(people)s) and other_id = any(%(people)s)
"""

PAIR: Final = "select person_id, other_id from match where match_id = %s"

DECIDE: Final = """
    insert into match (match_id, person_id, other_id, decision)
    select match_id, person_id, other_id, decision from jsonb_populate_recordset(null::match, %s::jsonb)
    on conflict (match_id) do update set decision = excluded.decision
"""

RECORD_DECISION: Final = """
    insert into match_decision (message_id, staff, match_id, decision, decided_by, decided_at)
    select message_id, staff, match_id, decision, decided_by, decided_at
    from jsonb_populate_recordset(null::match_decision, %s::jsonb)
"""

IDENTIFY: Final = """
    insert into network_person (person_id, network_id)
    select person_id, network_id from jsonb_populate_recordset(null::network_person, %s::jsonb)
    on conflict (person_id) do update set network_id = excluded.network_id
"""


def find_pair(tx: Transaction, match_id: UUID) -> Pair:
    """Return whom a match is of; raise MissingPrerequisite while nobody has proposed or decided it."""
    rows = tx.fetch(PAIR, (match_id,))
    if not rows:
        raise MissingPrerequisite("match", str(match_id))
    return rows[0]["person_id"], rows[0]["other_id"]


def find_registrars(tx: Transaction, person_id: UUID) -> Mapping[str, UUID]:
    """Return the organisations that have registered a person, also under linked ids, and under which id each has."""
    return tx.load(REGISTRARS, person_id, lambda row: dict(zip(row["organisations"], row["ids"], strict=True))) or {}


def lock_circle(tx: Transaction, pair: Pair) -> Circle:
    """Load everybody whom a decision about two registrations may concern; nobody else decides until this commits.

    Raises MissingPrerequisite while one of the two has not been registered.
    """
    tx.fetch(ONE_AT_A_TIME)
    registered = {row["person_id"] for row in tx.fetch(REGISTERED, (list(pair),))}
    for person_id in pair:
        if person_id not in registered:
            raise MissingPrerequisite("person", str(person_id))
    people = {*pair, *(row["person_id"] for row in tx.fetch(TOGETHER, (list(pair),)))}
    decided: dict[str, set[Pair]] = {"linked": set(), "rejected": set()}
    for row in tx.fetch(DECIDED, {"people": list(people)}):
        decided[row["decision"]].add((row["person_id"], row["other_id"]))
    return Circle(frozenset(people), frozenset(decided["linked"]), frozenset(decided["rejected"]))


def save_decision(
    tx: Transaction, pair: Pair, circle: Circle, persons: Iterable[Iterable[UUID]], cause: Cause, *, at: datetime
) -> None:
    """Keep what has been decided about two registrations, by whom, and the network persons that this has made."""
    match_id, decision = match_id_of(pair), circle.decision(pair)
    match = {"match_id": match_id, "person_id": pair[0], "other_id": pair[1]}
    tx.write(DECIDE, {**match, "decision": None if decision == UNDONE else decision})
    tx.write(
        RECORD_DECISION,
        {
            "message_id": cause.id,
            "staff": cause.staff,
            "match_id": match_id,
            "decision": decision,
            "decided_by": cause.source,
            "decided_at": at,
        },
    )
    for registrations in map(list, persons):
        network_id = network_id_of(registrations)
        for person_id in registrations:
            tx.write(IDENTIFY, {"person_id": person_id, "network_id": network_id})
    tx.load_again(REGISTRARS)

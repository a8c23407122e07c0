"""Who waits to be compared, the keys that registrations are found by, and what was proposed: SQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import as_json
from messaging.transaction import Transaction
from services.intake.rules.links import Pair, match_id_of, pair_of
from services.intake.rules.matching import Asked, Proposal
from services.intake.rules.people import Person

COMPARED_AT_ONCE: Final = 50  # people, where no message came lately: some tenth of a second, in which the next waits
COMPARED_BRIEFLY: Final = 5  # where messages come one after the other
MOST_HOLDERS: Final = 100  # of a key: one that more people have says nothing, and would cost the most

WAIT: Final = """
    insert into match_waiting (person_id, since)
    select person_id, since from jsonb_populate_recordset(null::match_waiting, %s::jsonb)
    on conflict (person_id) do update set since = excluded.since  -- locks it, so that who compares now waits for us
"""

# Two that compare at the same time would not see each other's people. Who registers people is not blocked by this; on
# match_key it would keep the autovacuum away, which gives way to any lock.
ONE_AT_A_TIME: Final = "lock table match_waiting in share update exclusive mode"

_REGISTRATION: Final = """
    person_id, registered_by, registered_at, given_names, family_names, birth_date, age, sex, nationality, phone,
    coalesce(
        (
            select jsonb_agg(jsonb_build_array(type, number) order by position)
            from document where document.person_id = person.person_id
        ),
        '[]'
    ) as documents
"""

# Materialised: a subselect may be run once for each row, and then takes others than those that it has taken before.
TAKE_WAITING: Final = """
    with taken as materialized (
        select person_id from match_waiting order by since, person_id limit %s for update
    )
    delete from match_waiting using taken where match_waiting.person_id = taken.person_id
    returning match_waiting.person_id
"""

REGISTRATIONS: Final = f"select {_REGISTRATION} from person where person_id = any(%s)"

REMOVE_KEYS: Final = "delete from match_key where person_id = any(%b::uuid[])"

ADD_KEYS: Final = """
    insert into match_key (key, person_id)
    select unnest(keys), person_id from jsonb_to_recordset(%s::jsonb) as new(person_id uuid, keys text[])
"""

# One index look-up for each key, which stops as soon as it is clear that too many have it.
CANDIDATES: Final = """
    select distinct mine.person_id, other.person_id as other_id
    from match_key as mine
    cross join lateral (
        select array_agg(held.person_id) as people
        from (select person_id from match_key where key = mine.key limit %(most)s + 1) as held
    ) as holders
    cross join lateral unnest(holders.people) as other(person_id)
    where mine.person_id = any(%(people)s)
        and cardinality(holders.people) <= %(most)s
        and other.person_id <> mine.person_id
"""

# Not what has been decided, nor who is one person already; and what was asked before only with another score.
PROPOSE: Final = """
    insert into match (match_id, person_id, other_id, score, reasons, proposed_at)
    select match_id, person_id, other_id, score, reasons, proposed_at
    from jsonb_populate_recordset(null::match, %s::jsonb) as new
    where not exists (
        select from network_person as one join network_person as other using (network_id)
        where one.person_id = new.person_id and other.person_id = new.other_id
    )
    on conflict (match_id) do update
        set score = excluded.score, reasons = excluded.reasons, proposed_at = excluded.proposed_at
        where match.decision is null and match.score is distinct from excluded.score
    returning match_id
"""

# About what a coordinator need not be asked for the first time.
KNOWN: Final = """
    select person_id, other_id
    from jsonb_to_recordset(%s::jsonb) as new(match_id uuid, person_id uuid, other_id uuid)
    where exists (
            select from match
            where match.match_id = new.match_id and (decision is not null or proposed_at is not null)
        )
        or exists (
            select from network_person as one join network_person as other using (network_id)
            where one.person_id = new.person_id and other.person_id = new.other_id
        )
"""

# Not what links have answered through others: nobody will ever decide it.
OPEN: Final = """
    select side.person_id, other.registered_by, count(*) as pairs
    from match
    cross join lateral (
        values (match.person_id, match.other_id), (match.other_id, match.person_id)
    ) as side(person_id, other_id)
    join person as other on other.person_id = side.other_id
    where decision is null and proposed_at is not null
        and (match.person_id = any(%(people)s) or match.other_id = any(%(people)s))
        and side.person_id = any(%(people)s)
        and not exists (
            select from network_person as one join network_person as other using (network_id)
            where one.person_id = match.person_id and other.person_id = match.other_id
        )
    group by side.person_id, other.registered_by
"""

# Who has a key that too many have was not compared with those who share it, who may wait to be asked about still.
NOT_HELD_BACK: Final = """
    delete from match_held_back
    where person_id = any(%(compared)s) and 0 = (
        select count(*)
        from match_key as mine
        cross join lateral (
            select count(*) as people from (select from match_key where key = mine.key limit %(most)s + 1) as held
        ) as holders
        where mine.person_id = match_held_back.person_id and holders.people > %(most)s
    )
"""

# Of who was compared with everybody it is known how many; of the others there are at least so many.
HELD_BACK: Final = """
    insert into match_held_back as known (person_id, pairs)
    select person_id, pairs from jsonb_populate_recordset(null::match_held_back, %s::jsonb)
    on conflict (person_id) do update set pairs = greatest(known.pairs, excluded.pairs)
"""

COMPARE_HELD_BACK: Final = """
    insert into match_waiting (person_id, since)
    select person_id, %(at)s from match_held_back where person_id = any(%(people)s)
    on conflict (person_id) do update set since = excluded.since
"""

FORGET_HELD_BACK: Final = "delete from match_held_back where person_id = %s"
FORGET_WAITING: Final = "delete from match_waiting where person_id = %s"
FORGET_KEYS: Final = "delete from match_key where person_id = %s"


def compare_later(tx: Transaction, person_id: UUID, *, at: datetime) -> None:
    """Have a person compared with everybody else: they have been registered, or corrected."""
    tx.write(WAIT, {"person_id": person_id, "since": at})


def take_waiting(tx: Transaction, most: int) -> list[Person]:
    """Take those who have waited longest, with what is compared of them; until this commits nobody else compares."""
    tx.fetch(ONE_AT_A_TIME)
    # In two statements: the second sees what was waited for in the first.
    return load_registrations(tx, [row["person_id"] for row in tx.fetch(TAKE_WAITING, (most,))])


def save_keys(tx: Transaction, keys: Mapping[UUID, Iterable[str]]) -> None:
    """Let people be found under these keys and no others."""
    if keys:
        rows = [{"person_id": person_id, "keys": sorted(own)} for person_id, own in keys.items()]
        tx.fetch(REMOVE_KEYS, (list(keys),))
        tx.fetch(ADD_KEYS, (as_json(rows),))


def find_candidates(tx: Transaction, people: Iterable[UUID]) -> set[Pair]:
    """Pair these people with everybody who has a key in common with them, unless too many have it."""
    asked = {"people": list(people), "most": MOST_HOLDERS}
    rows = tx.fetch(CANDIDATES, asked) if asked["people"] else []
    return {pair_of(row["person_id"], row["other_id"]) for row in rows}


def load_registrations(tx: Transaction, people: Iterable[UUID]) -> list[Person]:
    """Load what is compared of these people."""
    ids = list(people)
    return [_person(row) for row in tx.fetch(REGISTRATIONS, (ids,))] if ids else []


def find_asked(tx: Transaction, proposals: Sequence[Proposal]) -> Asked:
    """Return what coordinators have been asked before of the people that these proposals are about."""
    if not proposals:
        return Asked(frozenset(), {})
    rows = [{"match_id": match_id_of(one.pair), "person_id": one.pair[0], "other_id": one.pair[1]} for one in proposals]
    known = {(row["person_id"], row["other_id"]) for row in tx.fetch(KNOWN, (as_json(rows),))}
    people = list({person_id for one in proposals for person_id in one.pair})
    found = tx.fetch(OPEN, {"people": people})
    return Asked(known, {(row["person_id"], row["registered_by"]): row["pairs"] for row in found})


def save_held_back(tx: Transaction, compared: Iterable[UUID], held_back: Mapping[UUID, int]) -> None:
    """Keep for how many registrations more each person waits to be asked about."""
    if ids := list(compared):
        tx.fetch(NOT_HELD_BACK, {"compared": ids, "most": MOST_HOLDERS})
    for person_id, pairs in held_back.items():
        tx.write(HELD_BACK, {"person_id": person_id, "pairs": pairs})


def compare_held_back(tx: Transaction, people: Iterable[UUID], *, at: datetime) -> None:
    """Have those of some people compared again who wait to be asked about: there may be room for it now."""
    tx.fetch(COMPARE_HELD_BACK, {"people": list(people), "at": at})


def save_proposals(tx: Transaction, proposals: Sequence[Proposal], *, at: datetime) -> list[Proposal]:
    """Keep what is proposed, and return what coordinators have not been asked yet."""
    rows = [
        {
            "match_id": match_id_of(pair),
            "person_id": pair[0],
            "other_id": pair[1],
            "score": likeness.score,
            "reasons": [reason._asdict() for reason in likeness.reasons],
            "proposed_at": at,
        }
        for pair, likeness in proposals
    ]
    new = {row["match_id"] for row in tx.fetch(PROPOSE, (as_json(rows),))} if rows else set()
    return [proposal for proposal in proposals if match_id_of(proposal.pair) in new]


def forget_person(tx: Transaction, person_id: UUID) -> None:
    """Erase what the matching knows of a person; what was decided stays, in ids and codes."""
    # In this order: where they are being compared, the first waits for that, and the second finds the keys it added.
    tx.fetch(FORGET_WAITING, (person_id,))
    tx.fetch(FORGET_KEYS, (person_id,))
    tx.fetch(FORGET_HELD_BACK, (person_id,))


def _person(row: Mapping[str, object]) -> Person:
    documents = row["documents"]
    assert isinstance(documents, list)
    return Person(**{**row, "documents": tuple((kind, number) for kind, number in documents)})  # type: ignore[arg-type]

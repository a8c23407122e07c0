"""Households in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.households import Household, Member
from services.intake.store import consents
from services.intake.store.cause import Cause
from services.intake.store.people import find_registration

KNOWN: Final = """
    select household_id as key, recorded_by, recorded_at from household where household_id = any(%b::uuid[])
    order by household_id for no key update
"""

# The households that a person lives in, each with its open route: there is at most one.
HOMES: Final = """
    select person_id as key, person_id, registered_by,
           array_agg(household_member.household_id) as households, array_agg(route_id) as open_routes
    from household_member
    join person using (person_id)
    left join route on route.household_id = household_member.household_id and state not in ('graduated', 'left')
    where person_id = any(%b::uuid[])
    group by person_id, registered_by
"""

INSERT: Final = """
    insert into household (household_id, recorded_by, recorded_at, message_id, staff, kept_at)
    select household_id, recorded_by, recorded_at, message_id, staff, kept_at
    from jsonb_populate_recordset(null::household, %s::jsonb)
"""

CORRECT: Final = """
    update household
    set recorded_at = new.recorded_at, message_id = new.message_id, staff = new.staff, kept_at = new.kept_at
    from jsonb_populate_recordset(null::household, %s::jsonb) as new
    where household.household_id = new.household_id
"""

REMOVE_WHO_LEFT: Final = """
    delete from household_member using jsonb_to_recordset(%s::jsonb) as new(household_id uuid, stay uuid[])
    where household_member.household_id = new.household_id and household_member.person_id <> all(new.stay)
"""

SAVE_MEMBERS: Final = """
    insert into household_member (household_id, person_id, role)
    select household_id, (member->>0)::uuid, member->>1
    from jsonb_to_recordset(%s::jsonb) as new(household_id uuid, members jsonb),
        jsonb_array_elements(members) as member
    on conflict (household_id, person_id) do update set role = excluded.role
"""


class Home(NamedTuple):
    """The households that a person lives in, each with its open route or None, and who has registered the person."""

    person_id: UUID
    registered_by: str
    open_routes: Mapping[UUID, UUID | None]


def find_known(tx: Transaction, household_id: UUID) -> tuple[str, datetime] | None:
    """Return by whom, and when, a household was registered; None when nobody has."""
    return tx.load(KNOWN, household_id, _known)


def find_members(tx: Transaction, people: Iterable[UUID], *, by: str) -> Mapping[UUID, Member]:
    """Return what decides whether `by` may follow each of these people, without those whom nobody has registered.

    Of those whom it has registered itself no consents are looked for.
    """
    known = {one: found for one in people if (found := find_registration(tx, one))}
    return {
        one: Member(
            found.registered_by,
            found.erased,
            () if found.registered_by == by else consents.find_sharing(tx, one),
        )
        for one, found in known.items()
    }


def find_home(tx: Transaction, person_id: UUID) -> Home | None:
    """Return where a person lives; None when nobody has put them into a household."""
    return tx.load(HOMES, person_id, partial(_home, tx))


def find_member(tx: Transaction, person_id: UUID, *, by: str) -> Member:
    """Return what decides whether `by` may follow somebody who lives in a household."""
    home = find_home(tx, person_id)
    if home is not None and home.registered_by == by:
        return Member(by)
    return find_members(tx, [person_id], by=by)[person_id]


def save_household(tx: Transaction, household: Household, cause: Cause, *, at: datetime) -> None:
    """Keep who lives together; who is no longer named has left."""
    key, members = household.household_id, [person_id for person_id, _ in household.members]
    row = {"recorded_by": household.recorded_by, "recorded_at": household.recorded_at}
    row = {"household_id": key, **row, "message_id": cause.id, "staff": cause.staff, "kept_at": at}
    if find_known(tx, key) is None:
        tx.write(INSERT, row)
    else:
        tx.write(CORRECT, row)
        tx.write(REMOVE_WHO_LEFT, {"household_id": key, "stay": members})
    tx.write(SAVE_MEMBERS, {"household_id": key, "members": household.members})
    tx.put(KNOWN, key, (household.recorded_by, household.recorded_at))
    tx.load_again(HOMES)


def put_open_route(tx: Transaction, household_id: UUID, route_id: UUID | None) -> None:
    """Say which route of a household is open now."""
    for home in tx.loaded(HOMES):
        if household_id in home.open_routes:
            tx.put(HOMES, home.person_id, home._replace(open_routes={**home.open_routes, household_id: route_id}))


def _known(row: Row) -> tuple[str, datetime]:
    return row["recorded_by"], row["recorded_at"]


def _home(tx: Transaction, row: Row) -> Home:
    tx.mention(row["open_routes"])
    open_routes = dict(zip(row["households"], row["open_routes"], strict=True))
    return Home(row["person_id"], row["registered_by"], open_routes)

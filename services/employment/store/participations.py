"""Participations and the wrap-around services received in them, as functions that take the transaction."""

from typing import Any, Final
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.employment.rules.answers import Refused, TooEarly
from services.employment.rules.participations import Participation, State, Step
from services.employment.rules.referrals import Referral
from services.employment.store.known import is_known

_COLUMNS: Final = """
    participation_id, organisation, person_id, programme, started_at, referral_id, referred,
    cv_registered_at, vocational_guidance_at, training_at, shortlisted_at, state, ended_at, placed, sequence
"""
_WITH_SERVICES: Final = f"""
    {_COLUMNS}, array(select need_code from programme_service
                      where programme_service.programme = participation.programme) as services
"""

INSERT: Final = f"""
    insert into participation ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_record(null::participation, %s::jsonb)
    on conflict do nothing
    returning participation_id
"""

EXISTS: Final = "select 1 from participation where participation_id = %s"

LOCK: Final = f"""
    select participation_id as key, {_WITH_SERVICES}
    from participation where participation_id = any(%b::uuid[]) order by participation_id for update
"""

LOCK_OPEN: Final = f"""
    select {_WITH_SERVICES} from participation
    where person_id = %(person_id)s and organisation = %(organisation)s and programme = %(programme)s
      and state = 'enrolled'
    for update
"""

LOCK_OF_PERSON: Final = f"""
    select {_WITH_SERVICES} from participation where person_id = %s order by participation_id for update
"""

# Those that no other referral keeps going.
LOCK_BROUGHT_BY: Final = f"""
    select {_WITH_SERVICES} from participation
    where referral_id = %(referral_id)s and organisation = %(organisation)s
      and not exists (
          select 1 from referral as other
          where other.participation_id = participation.participation_id and other.referral_id <> %(referral_id)s
            and other.answer in ('accepted', 'in_service'))
    order by participation_id for update
"""

SAVE: Final = """
    update participation
    set referred = new.referred, cv_registered_at = new.cv_registered_at,
        vocational_guidance_at = new.vocational_guidance_at, training_at = new.training_at,
        shortlisted_at = new.shortlisted_at, state = new.state, ended_at = new.ended_at, placed = new.placed,
        sequence = new.sequence
    from jsonb_populate_recordset(null::participation, %s::jsonb) as new
    where participation.participation_id = new.participation_id
"""

DELIVERIES: Final = """
    select asked.id as key, exists(select 1 from delivery where delivery.delivery_id = asked.id) as known
    from unnest(%b::uuid[]) as asked(id)
"""

INSERT_DELIVERY: Final = """
    insert into delivery (delivery_id, participation_id, need_code, delivered_by, delivered_at, zone)
    select delivery_id, participation_id, need_code, delivered_by, delivered_at, zone
    from jsonb_populate_recordset(null::delivery, %s::jsonb)
"""

DELIVERIES_IN: Final = "select delivery_id from delivery where participation_id = %s order by delivery_id"

ERASE_DELIVERIES: Final = """
    update delivery set need_code = null, delivered_by = null, delivered_at = null, zone = null
    where participation_id = %s
"""


def insert(tx: Transaction, participation: Participation) -> None:
    """Keep a participation; refuse an id that is taken, and a second open one of the person in the programme."""
    if not tx.fetch(INSERT, (row_as_json(_to_row(participation)),)):
        taken = tx.fetch(EXISTS, (participation.participation_id,))
        raise Refused("already_started" if taken else "already_takes_part")


def insert_or_find_open(tx: Transaction, participation: Participation) -> tuple[Participation, bool] | None:
    """Keep a participation, or find the person's open one in the programme; tell which, and whether it is new.

    None where its id has been used for something else.
    """
    if tx.fetch(INSERT, (row_as_json(_to_row(participation)),)):
        return participation, True
    rows = tx.fetch(
        LOCK_OPEN,
        {name: getattr(participation, name) for name in ("person_id", "organisation", "programme")},
    )
    return (_from_row(rows[0]), False) if rows else None


def lock(tx: Transaction, participation_id: UUID, *, of: str) -> Participation:
    """Return a participation of this organisation's that nobody else can change before the transaction ends.

    Raises TooEarly when there is none, and just the same when it is another's.
    """
    participation = tx.load(LOCK, participation_id, _from_row)
    if participation is None or participation.organisation != of:
        raise TooEarly("participation", str(participation_id))
    return participation


def lock_of_person(tx: Transaction, person_id: UUID) -> list[Participation]:
    """Lock and return every participation of a person."""
    return [_from_row(row) for row in tx.fetch(LOCK_OF_PERSON, (person_id,))]


def lock_brought_by(tx: Transaction, referral: Referral) -> list[Participation]:
    """Lock and return the participations that a referral brought and that no other referral keeps going."""
    ids = {"referral_id": referral.referral_id, "organisation": referral.organisation}
    return [_from_row(row) for row in tx.fetch(LOCK_BROUGHT_BY, ids)]


def save(tx: Transaction, participation: Participation) -> None:
    """Write what has become of a participation since it was locked."""
    tx.write(SAVE, _to_row(participation), key=participation.participation_id)
    tx.put(LOCK, participation.participation_id, participation)


def insert_delivery(tx: Transaction, delivery: Any, participation: Participation) -> None:
    """Keep that a participant has received a service; refuse it the second time.

    `delivery` has the delivery's id, need code, who delivered it, when and where.
    """
    if tx.load(DELIVERIES, delivery.delivery_id, is_known):
        raise Refused("already_received")
    row = {
        name: getattr(delivery, name) for name in ("delivery_id", "need_code", "delivered_by", "delivered_at", "zone")
    }
    tx.write(INSERT_DELIVERY, {**row, "participation_id": participation.participation_id})
    tx.put(DELIVERIES, delivery.delivery_id, True)


def deliveries_in(tx: Transaction, participation: Participation) -> list[UUID]:
    """Return the ids of the wrap-around services that a participant has received."""
    return [row["delivery_id"] for row in tx.fetch(DELIVERIES_IN, (participation.participation_id,))]


def erase_deliveries(tx: Transaction, participation: Participation) -> None:
    """Forget which services a participant has received; that there were some stays, so that they can be struck out."""
    tx.fetch(ERASE_DELIVERIES, (participation.participation_id,))


def _to_row(participation: Participation) -> Row:
    row = {name: getattr(participation, name) for name in participation.__slots__ if name not in ("steps", "services")}
    return row | {f"{step}_at": participation.steps.get(step) for step in Step}


def _from_row(row: Row) -> Participation:
    taken = {step: row.pop(f"{step}_at") for step in Step}
    row |= {"state": State(row["state"]), "services": frozenset(row["services"])}
    return Participation(**row, steps={step: at for step, at in taken.items() if at is not None})

"""Participations and the wrap-around services received in them, as functions that take the transaction."""

from collections.abc import Set
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.database import Row
from messaging.transaction import Transaction
from services.employment.rules.participations import Participation, State, Step
from services.employment.rules.referrals import Referral
from services.employment.store.known import is_known
from services.employment.store.people import add_participation, open_of
from services.employment.store.referrals import Brought, add_brought, brought_by

_COLUMNS: Final = """
    participation_id, organisation, person_id, programme, started_at, referral_id, referred,
    cv_registered_at, vocational_guidance_at, training_at, shortlisted_at, state, ended_at, placed, sequence
"""

INSERT: Final = f"""
    insert into participation ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::participation, %s::jsonb)
    on conflict do nothing
    returning participation_id
"""

LOCK: Final = f"""
    select participation_id as key, {_COLUMNS}
    from participation where participation_id = any(%b::uuid[]) order by participation_id for no key update
"""

LOCK_OF_PERSON: Final = f"""
    select {_COLUMNS} from participation where person_id = %s order by participation_id for no key update
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

# All of it, which is little, under one key: a batch asks once, whatever its programmes are.
SERVICES: Final = """
    select 'programme_service' as key, jsonb_agg(jsonb_build_array(programme, need_code)) as services
    from programme_service where 'programme_service' = any(%b::text[])
"""

DELIVERIES: Final = "select delivery_id as key from delivery where delivery_id = any(%b::uuid[])"

INSERT_DELIVERY: Final = """
    insert into delivery (delivery_id, participation_id, need_code, delivered_by, delivered_at, zone)
    select delivery_id, participation_id, need_code, delivered_by, delivered_at, zone
    from jsonb_populate_recordset(null::delivery, %s::jsonb)
"""

ERASE_DELIVERIES: Final = """
    update delivery set need_code = null, delivered_by = null, delivered_at = null, zone = null
    from jsonb_populate_recordset(null::delivery, %s::jsonb) as erased
    where delivery.participation_id = erased.participation_id
"""

# Asked for once the participations are locked: then nobody adds to them.
HAPPENED_IN: Final = """
    select participation_id as key,
           array(select candidacy_id from candidacy where participation_id = one.participation_id) as candidacies,
           array(select delivery_id from delivery where participation_id = one.participation_id) as deliveries
    from participation as one where participation_id = any(%b::uuid[])
"""


class Happened(NamedTuple):
    """What has happened in a participation, as ids."""

    candidacies: Set[UUID] = frozenset()
    deliveries: Set[UUID] = frozenset()


def insert(tx: Transaction, participation: Participation) -> None:
    """Keep a participation; refuse an id that is taken, and a second open one of the person in the programme."""
    if not _insert(tx, participation):
        taken = tx.load(LOCK, participation.participation_id, _from_row)
        raise Refused("already_started" if taken else "already_takes_part")


def insert_or_find_open(tx: Transaction, participation: Participation) -> tuple[Participation, bool] | None:
    """Keep a participation, or find the person's open one in the programme; tell which, and whether it is new.

    None where its id has been used for something else.
    """
    known = _find_open(tx, participation)
    if known is not None:
        return known, False
    return (participation, True) if _insert(tx, participation) else None


def lock(tx: Transaction, participation_id: UUID, *, of: str) -> Participation:
    """Return a participation of this organisation's that nobody else can change before the transaction ends.

    Raises MissingPrerequisite when there is none, and just the same when it is another's.
    """
    participation = tx.load(LOCK, participation_id, _from_row)
    if participation is None or participation.organisation != of:
        raise MissingPrerequisite("participation", str(participation_id))
    return participation


def lock_of_person(tx: Transaction, person_id: UUID) -> list[Participation]:
    """Lock and return every participation of a person."""
    return [_from_row(row) for row in tx.fetch(LOCK_OF_PERSON, (person_id,))]


def lock_brought_by(tx: Transaction, referral: Referral) -> list[Participation]:
    """Lock and return the participations that a referral brought."""
    found = (tx.load(LOCK, one, _from_row) for one in sorted(brought_by(tx, referral).participations))
    return [one for one in found if one is not None and one.organisation == referral.organisation]


def save(tx: Transaction, participation: Participation) -> None:
    """Write what has become of a participation since it was locked."""
    tx.write(SAVE, _to_row(participation))
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
    _add(tx, participation.participation_id, Happened(deliveries={delivery.delivery_id}))


def services_of(tx: Transaction, programme: str) -> Set[str]:
    """Return the wrap-around services that a programme gives its participants."""
    services = tx.load(SERVICES, "programme_service", _to_pairs) or ()
    return {need_code for of, need_code in services if of == programme}


def deliveries_in(tx: Transaction, participation: Participation) -> list[UUID]:
    """Return the ids of the wrap-around services that a participant has received."""
    return sorted(_happened_in(tx, participation).deliveries)


def erase_deliveries(tx: Transaction, participation: Participation) -> None:
    """Forget which services a participant has received; that there were some stays, so that they can be struck out."""
    tx.write(ERASE_DELIVERIES, {"participation_id": participation.participation_id})


def candidacies_in(tx: Transaction, participation: Participation) -> list[UUID]:
    """Return the ids of a participant's candidacies."""
    return sorted(_happened_in(tx, participation).candidacies)


def add_candidacy(tx: Transaction, participation_id: UUID, candidacy_id: UUID) -> None:
    """Say that a participant has been put forward."""
    _add(tx, participation_id, Happened(candidacies={candidacy_id}))


def _insert(tx: Transaction, participation: Participation) -> bool:
    if not tx.insert(INSERT, _to_row(participation)):
        return False
    tx.put(LOCK, participation.participation_id, participation)
    add_participation(tx, participation.person_id, _place(participation), participation.participation_id)
    add_brought(tx, participation.referral_id, Brought(participations={participation.participation_id}))
    return True


def _find_open(tx: Transaction, wanted: Participation) -> Participation | None:
    """Lock and return the open participation of the same person in the same programme."""
    participation_id = open_of(tx, wanted.person_id).participations.get(_place(wanted))
    known = None if participation_id is None else tx.load(LOCK, participation_id, _from_row)
    return known if known is not None and known.state == State.ENROLLED else None


def _happened_in(tx: Transaction, participation: Participation) -> Happened:
    return tx.load(HAPPENED_IN, participation.participation_id, partial(_read_happened, tx)) or Happened()


def _add(tx: Transaction, participation_id: UUID, more: Happened) -> None:
    def change(known: Happened | None) -> Happened:
        candidacies, deliveries = known or Happened()
        return Happened(candidacies | more.candidacies, deliveries | more.deliveries)

    tx.amend(HAPPENED_IN, participation_id, change)


def _read_happened(tx: Transaction, row: Row) -> Happened:
    """Read what has happened, and mention the candidacies: they are asked for together with those of the others."""
    tx.mention(row["candidacies"])
    return Happened(frozenset(row["candidacies"]), frozenset(row["deliveries"]))


def _place(participation: Participation) -> tuple[str, str]:
    return participation.organisation, participation.programme


def _to_row(participation: Participation) -> Row:
    row = {name: getattr(participation, name) for name in participation.__slots__ if name != "steps"}
    return row | {f"{step}_at": participation.steps.get(step) for step in Step}


def _from_row(row: Row) -> Participation:
    taken = {step: row.pop(f"{step}_at") for step in Step}
    row |= {"state": State(row["state"])}
    return Participation(**row, steps={step: at for step, at in taken.items() if at is not None})


def _to_pairs(row: Row) -> list[tuple[str, str]]:
    return [(programme, need_code) for programme, need_code in row["services"] or ()]

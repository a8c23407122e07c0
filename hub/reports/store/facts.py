"""Facts as they come in: each statement takes many, keeps the newest word, and does nothing when repeated."""

from typing import Final, LiteralString

from messaging.database import Row
from messaging.transaction import Transaction


def _newest(table: LiteralString, key: LiteralString, place: LiteralString, *fields: LiteralString) -> LiteralString:
    """Write the statement that keeps, of each thing, what each who speaks of it said last.

    `place` is what orders the words on one thing: their number, their time, or their message's id.
    """
    columns = ", ".join((key, "said_by", place, *fields))
    changes = ", ".join(f"{column} = excluded.{column}" for column in (place, *fields))
    return f"""
        insert into {table} as known ({columns})
        select {columns} from jsonb_populate_recordset(null::{table}, %s::jsonb)
        on conflict ({key}, said_by) do update set {changes} where known.{place} < excluded.{place}
    """


JORNADA: Final = _newest(
    "jornada", "jornada_id", "sequence", "organiser", "organisations", "state", "kind", "name", "starts_at"
)
ATTENDANCE: Final = _newest(
    "attendance", "attendance_id", "sequence", "jornada_id", "person_id", "present", "recorded_by"
)
ETPV_STEP: Final = _newest(
    "etpv_step", "step_id", "message_id", "person_id", "step", "taken_at", "jornada_id", "organisation"
)
NEED: Final = _newest("need", "need_id", "message_id", "person_id", "need_code", "identified_at", "zone")
REFERRAL: Final = _newest(
    "referral",
    "referral_id",
    "sequence",
    "state",
    "recipient",
    "person_id",
    "need_id",
    "need_code",
    "urgency",
    "sent_at",
    "answer_by",
    "zone",
    "outcome",
)
EMPLOYER: Final = _newest("employer", "employer_id", "sequence", "programmes")
PARTICIPATION: Final = _newest(
    "participation", "participation_id", "sequence", "person_id", "organisation", "programme", "state"
)
PLACEMENT: Final = _newest("placement", "candidacy_id", "sequence", "person_id", "starts_on")
ENTREPRENEUR: Final = _newest(
    "entrepreneur", "entrepreneur_id", "sequence", "person_id", "organisation", "stage", "mentored"
)
ROUTE: Final = _newest("route", "route_id", "sequence", "household_id", "state")

# Of whoever published it first: nobody else's word on it comes here (`services.keep`).
SERVICE: Final = """
    insert into service as known (service_id, said_by, published_at, need_codes, zones, active)
    select service_id, said_by, published_at, need_codes, zones, active
    from jsonb_populate_recordset(null::service, %s::jsonb)
    on conflict (service_id) do update
        set published_at = excluded.published_at, need_codes = excluded.need_codes, zones = excluded.zones,
            active = excluded.active
        where known.published_at < excluded.published_at
"""

# The first word holds: what was wrong is struck out and reported anew.
DELIVERY: Final = """
    insert into delivery (delivery_id, said_by, message_id, person_id, need_code, delivered_at, delivered_by, zone,
                          jornada_id, programme)
    select delivery_id, said_by, message_id, person_id, need_code, delivered_at, delivered_by, zone, jornada_id,
           programme
    from jsonb_populate_recordset(null::delivery, %s::jsonb)
    on conflict do nothing
"""

REFERRAL_STEP: Final = """
    insert into referral_step (referral_id, sequence, state, changed_at)
    select referral_id, sequence, state, changed_at from jsonb_populate_recordset(null::referral_step, %s::jsonb)
    on conflict do nothing
"""

REFERRAL_ESCALATED: Final = """
    insert into referral_escalated (referral_id, noted_at)
    select referral_id, noted_at from jsonb_populate_recordset(null::referral_escalated, %s::jsonb)
    on conflict do nothing
"""

AWAY: Final = """
    insert into away (organisation, began_at, ended_at)
    select organisation, began_at, ended_at from jsonb_populate_recordset(null::away, %s::jsonb)
    on conflict do nothing
"""

STRUCK_OUT: Final = """
    insert into delivery_struck_out (delivery_id, said_by)
    select delivery_id, said_by from jsonb_populate_recordset(null::delivery_struck_out, %s::jsonb)
    on conflict do nothing
"""

STEP_UNRECORDED: Final = """
    insert into etpv_step_unrecorded (step_id)
    select step_id from jsonb_populate_recordset(null::etpv_step_unrecorded, %s::jsonb)
    on conflict do nothing
"""

PROFILE: Final = """
    insert into person as known (person_id, organisation, registered_at, sex, birth_year)
    select person_id, organisation, registered_at, sex, birth_year
    from jsonb_populate_recordset(null::person, %s::jsonb)
    on conflict (person_id) do update
        set organisation = excluded.organisation, registered_at = excluded.registered_at,
            sex = excluded.sex, birth_year = excluded.birth_year
        where known.registered_at < excluded.registered_at and known.erased_at is null
"""

# Sex and year of birth stay: they are what is counted by, and whose they were nobody can tell any more.
ERASURE: Final = """
    insert into person as known (person_id, erased_at)
    select person_id, erased_at from jsonb_populate_recordset(null::person, %s::jsonb)
    on conflict (person_id) do update set erased_at = excluded.erased_at, registered_at = null
        where known.erased_at is null
"""

KNOWN_CASE: Final = """
    insert into known_case (consent_id, person_id)
    select consent_id, person_id from jsonb_populate_recordset(null::known_case, %s::jsonb)
    on conflict do nothing
"""

IDENTITY: Final = """
    insert into network_identity as known (network_id, person_ids, message_id)
    select network_id, person_ids, message_id from jsonb_populate_recordset(null::network_identity, %s::jsonb)
    on conflict (network_id) do update set person_ids = excluded.person_ids, message_id = excluded.message_id
        where known.message_id < excluded.message_id
"""


def keep(tx: Transaction, statement: LiteralString, fact: Row) -> None:
    """Keep one fact by the statement of its kind, with the others of its batch."""
    tx.write(statement, fact)

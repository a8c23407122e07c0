"""What is counted from the facts: people as `same_person` has them, months as Colombia has them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

from hub.reports.rules import small_counts
from hub.reports.rules.activities import Activity
from hub.reports.rules.asked import Asked
from hub.reports.rules.partners import Sent
from hub.reports.rules.unmet_needs import Needs
from messaging.database import Connection

WHOLE_TABLES: Final = "set local enable_nestloop = off"


def read_whole_tables(connection: Connection) -> None:
    """Plan what follows in this transaction for reading everything once.

    Of tables that filled a minute ago the database has no statistics yet: it would go through all people for each fact.
    """
    connection.execute(WHOLE_TABLES)


# ---------------------------------------------------------------------------------------------------------------------
# The figures of the accountability report
# ---------------------------------------------------------------------------------------------------------------------

COUNTS: Final[Mapping[str, LiteralString]] = {
    # Outreach events of a kind that took place.
    "jornadas": """
        select count(distinct jornada_id) from jornada
        where kind = %(kind)s and state in ('held', 'reported')
          and (%(first)s::date is null or starts_at at time zone 'America/Bogota' >= %(first)s)
          and (%(end)s::date is null or starts_at at time zone 'America/Bogota' < %(end)s)
    """,
    # People who were present at one of those and took a step of their registration there.
    "people_registered_at_jornadas": """
        select count(distinct coalesce(came.counted_as, attendance.person_id))
        from jornada
        join attendance using (jornada_id, said_by)
        left join same_person as came on came.person_id = attendance.person_id
        where kind = %(kind)s and state in ('held', 'reported') and present
          and (jornada_id, coalesce(came.counted_as, attendance.person_id)) in (
              select jornada_id, counted_as from counted_step
          )
    """,
    # People who came as far as the pre-registration: an account on the portal is none yet.
    "people_registered": """
        select count(distinct counted_as) from counted_step
        where step <> 'rumv_account'
          and (%(first)s::date is null or taken_on >= %(first)s)
          and (%(end)s::date is null or taken_on < %(end)s)
    """,
    "participants": """
        select count(*) from participant where programme = %(programme)s
    """,
    # Participants who received a service of their programme.
    "people_served": """
        select count(distinct counted_as) from counted_delivery join participant using (programme, counted_as)
        where programme = %(programme)s and need_code = %(need)s
          and (%(first)s::date is null or delivered_on >= %(first)s)
          and (%(end)s::date is null or delivered_on < %(end)s)
          and (%(place)s::text is null or starts_with(zone, %(place)s))
    """,
    # Who is said to have received it there, and is no participant.
    "others_served": """
        select count(distinct counted_as) from counted_delivery left join participant using (programme, counted_as)
        where programme = %(programme)s and need_code = %(need)s and participant.counted_as is null and confirmed
    """,
    "employers": """
        select count(distinct employer_id) from employer where programmes @> array[%(programme)s]
    """,
    "entrepreneurs": """
        select count(*) from registered_person where counted_as in (
            select coalesce(counted_as, person_id) from entrepreneur left join same_person using (person_id)
            where organisation = %(organisation)s and mentored and stage <> 'struck_out'
        )
    """,
    "people_placed": """
        select count(*) from registered_person where counted_as in (
            select coalesce(counted_as, person_id) from placement left join same_person using (person_id)
            where (%(first)s::date is null or starts_on >= %(first)s) and (%(end)s::date is null or starts_on < %(end)s)
        )
    """,
    "households": """
        select count(distinct household_id) from route where state = %(state)s
    """,
}

_ASKED: Final = ("kind", "programme", "need", "organisation", "state")


def count(connection: Connection, name: str, of: Mapping[str, str], asked: Asked) -> int:
    """Count one figure; what a period or a place does to it says `accountability.BY_PERIOD` and `BY_PLACE`."""
    params = {
        **{what: of.get(what) for what in _ASKED},
        "first": asked.from_month and f"{asked.from_month}-01",
        "end": asked.to_month and _day_after(asked.to_month),
        "place": asked.place,
    }
    rows = connection.execute(COUNTS[name], params).fetchall()
    return int(rows[0]["count"])


def _day_after(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02}-01"


# ---------------------------------------------------------------------------------------------------------------------
# The other reports
# ---------------------------------------------------------------------------------------------------------------------

# Each person once for each row of the 5W sheet.
_SERVED: Final = """
    select delivered_by as organisation, need_code, zone, to_char(delivered_on, 'YYYY-MM') as month,
           nullif(organiser, delivered_by) as partner, coalesce(programme, kind, 'service') as activity,
           jornada_id, name as jornada, counted_as, confirmed, max(delivered_on)::date as last_on
    from counted_delivery
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""

ACTIVITIES: Final = f"""
    with served as ({_SERVED})
    select organisation, need_code, zone, month, partner, activity, jornada,
           count(*) filter (where confirmed) as reached,
           count(*) filter (where confirmed and sex = 'female') as f,
           count(*) filter (where confirmed and sex = 'male') as m,
           count(*) filter (where confirmed and (sex is null or sex not in ('female', 'male'))) as other,
           count(*) filter (where confirmed and left(month, 4)::int - birth_year < 18) as children,
           count(*) filter (where not confirmed) as unconfirmed
    from served left join counted_person using (counted_as)
    group by organisation, need_code, zone, month, partner, activity, jornada_id, jornada
"""


def activities(connection: Connection) -> list[Activity]:
    """Return what was delivered, a row for each organisation, need, jornada, programme, municipality and month."""
    return [Activity(**row) for row in connection.execute(ACTIVITIES)]


# A need met where it was found, without a referral, is met as well: the service was delivered on that day or later. In
# the protection sectors that takes what the 5W sheet shows: eight needs met, beside two rows of it with less than five
# people each, would tell that there were four in both.
NEEDS: Final = f"""
    with served as (
        select *, count(*) over (partition by organisation, need_code, zone, month, partner, activity, jornada_id)
            as reached
        from ({_SERVED}) as person
        where confirmed
    ),
    needs as (
        select need_id, coalesce(counted_as, person_id, need_id) as counted_as, need_code, coalesce(zone, '') as zone,
               identified_at, (identified_at at time zone 'America/Bogota')::date as identified_on
        from need left join same_person using (person_id)
    ),
    first_found as (
        select distinct on (counted_as, need_code) counted_as, need_code, zone, identified_on
        from needs
        order by counted_as, need_code, identified_at, need_id
    ),
    referred as (
        select coalesce(needs.counted_as, same_person.counted_as, referral.person_id) as counted_as,
               coalesce(needs.need_code, referral.need_code) as need_code,
               bool_or(state in ('completed', 'closed') and outcome is not distinct from 'need_met') as met,
               bool_or(state not in ('declined', 'redirected', 'expired', 'cancelled', 'completed', 'closed',
                                     'consent_withdrawn')) as waiting
        from referral
        left join needs using (need_id)
        left join same_person on same_person.person_id = referral.person_id
        where state <> 'entered_in_error'
        group by 1, 2
    ),
    delivered as (
        select counted_as, need_code, max(last_on) as last_on
        from served
        where split_part(need_code, '.', 1) <> all(%(protection)s)
           or (reached >= %(few)s and month < %(running_month)s)
        group by 1, 2
    ),
    judged as (
        select first_found.need_code, zone, to_char(identified_on, 'YYYY-MM') as month,
               met is not null as referred,
               coalesce(met, false) or coalesce(last_on >= identified_on, false) as met,
               coalesce(waiting, false) as waiting
        from first_found
        left join referred using (counted_as, need_code)
        left join delivered using (counted_as, need_code)
    )
    select need_code, zone, month,
           count(*) as identified,
           count(*) filter (where referred) as referred,
           count(*) filter (where met) as met,
           count(*) filter (where waiting and not met) as waiting,
           count(*) filter (where not waiting and not met) as unmet
    from judged
    group by need_code, zone, month
"""


def needs(connection: Connection, *, running_month: str) -> list[Needs]:
    """Return the people in need, a row for each need, municipality and month in which it was first found."""
    params = {
        "protection": sorted(small_counts.PROTECTION),
        "few": small_counts.FEW,
        "running_month": running_month,
    }
    return [Needs(**row) for row in connection.execute(NEEDS, params)]


SERVICES: Final = """
    select zone, need_code, count(distinct service_id) as services
    from service, unnest(zones) as zone, unnest(need_codes) as need_code
    where active
    group by zone, need_code
"""


def services(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many active services meet a need in a municipality, by both."""
    return {(row["zone"], row["need_code"]): row["services"] for row in connection.execute(SERVICES)}


REFERRALS: Final = """
    select recipient, referral.need_code, coalesce(referral.zone, need.zone) as zone,
           to_char(sent_at at time zone 'America/Bogota', 'YYYY-MM') as month, state, sent_at, answer_by,
           received_at, answered_at, served_at, expired_at, coalesce(accepted, false) as accepted,
           coalesce(escalated_at, '{}') as escalated_at
    from referral left join referral_timing using (referral_id) left join need using (need_id)
    left join (
        select referral_id, array_agg(noted_at) as escalated_at from referral_escalated group by referral_id
    ) as escalation using (referral_id)
    where state <> 'entered_in_error'
"""

AWAY: Final = "select organisation, began_at, ended_at from away"


def referrals(connection: Connection) -> Sequence[Sent]:
    """Return every referral, other than those entered in error."""
    absences = defaultdict(list)
    for row in connection.execute(AWAY).fetchall():
        absences[row["organisation"]].append((row["began_at"], row["ended_at"]))
    rows: list[dict[str, Any]] = connection.execute(REFERRALS).fetchall()
    return [Sent(**row, absences=absences.get(row["recipient"], ())) for row in rows]

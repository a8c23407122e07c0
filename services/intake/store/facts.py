"""What the hub's other services were told of consents, needs and the erased, in the order of ids."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from messaging.transaction import Transaction
from services.intake.rules.consents import Consent, Withdrawal
from services.intake.rules.needs import Need
from services.intake.store.consents import STANDING, TERMS, consent_of
from services.intake.store.needs import COLUMNS, need_of

# Of whoever is erased nothing is said again but that.
_OF_THE_ERASED: Final = "exists (select from person where person.person_id = known.person_id and erased_at is not null)"

CONSENTS: Final = f"""
    select suspended_at, resumed_at, ended_at, ended_through, withdrawn_by, withdrawn_manner, withdrawn_at,
           consent_id, {TERMS}, {STANDING}
    from consent as known where consent_id > %(after)s and not {_OF_THE_ERASED}
    order by consent_id limit %(limit)s
"""

NEEDS: Final = f"""
    select {COLUMNS} from need as known where need_id > %(after)s and not {_OF_THE_ERASED}
    order by need_id limit %(limit)s
"""

ERASED: Final = """
    select person_id, erased_at from person where erased_at is not null and person_id > %(after)s
    order by person_id limit %(limit)s
"""

COUNT: Final = f"""
    select (select count(*) from consent as known where not {_OF_THE_ERASED})
         + (select count(*) from need as known where not {_OF_THE_ERASED})
         + (select count(*) from person where erased_at is not null) as total
"""


class Known(NamedTuple):
    """A consent, and what became of it."""

    consent: Consent
    suspended_at: datetime | None
    resumed_at: datetime | None
    ended_at: datetime | None
    ended_through: str | None
    withdrawal: Withdrawal | None


def consents_after(tx: Transaction, consent_id: UUID, *, limit: int) -> list[Known]:
    """Return the consents behind this one, in order, without those of erased people."""
    found = []
    for row in tx.fetch(CONSENTS, {"after": consent_id, "limit": limit}):
        became = {name: row.pop(name) for name in ("suspended_at", "resumed_at", "ended_at", "ended_through")}
        how = {name: row.pop(name) for name in ("withdrawn_by", "withdrawn_manner", "withdrawn_at")}
        withdrawal = None if how["withdrawn_at"] is None else Withdrawal(row["consent_id"], **how)
        found.append(Known(consent_of(row), **became, withdrawal=withdrawal))
    return found


def needs_after(tx: Transaction, need_id: UUID, *, limit: int) -> list[Need]:
    """Return the needs behind this one, in order, without those of erased people."""
    return [need_of(row) for row in tx.fetch(NEEDS, {"after": need_id, "limit": limit})]


def erased_after(tx: Transaction, person_id: UUID, *, limit: int) -> list[tuple[UUID, datetime]]:
    """Return who is erased behind this one, in order, and since when."""
    return [(row["person_id"], row["erased_at"]) for row in tx.fetch(ERASED, {"after": person_id, "limit": limit})]


def count(tx: Transaction) -> int:
    """Return of how many consents, needs and people can be told."""
    return int(tx.fetch(COUNT)[0]["total"])

"""Chains of referrals: what stands before one and after it."""

from typing import Final
from uuid import UUID

from messaging.database import Transaction
from services.referrals.rules import Link, Referral
from services.referrals.rules.chains import CHAIN_AT_MOST
from services.referrals.store.referrals import COLUMNS, from_row

_FARTHEST: Final = 2 * CHAIN_AT_MOST  # no chain is longer; a fault in the rows must not make this run for ever

_BEFORE: Final = f"""
    with recursive before as (
        select referral_id, service_id, coalesce(redirected_from, onward_from) as previous,
               onward_from is not null as is_onward, false as goes_onward, 1 as distance
        from referral where referral_id = %s
        union all
        select one.referral_id, one.service_id, coalesce(one.redirected_from, one.onward_from),
               one.onward_from is not null, before.is_onward, distance + 1
        from before join referral as one
            on one.referral_id = before.previous and one.goes_on_as = before.referral_id
        where distance < {_FARTHEST}
    )
"""

CHAIN_BEFORE: Final = f"{_BEFORE} select referral_id, service_id from before order by distance desc"

CHAIN_AFTER: Final = f"""
    with recursive after as (
        select referral_id, service_id, goes_on_as, 1 as distance from referral where referral_id = %s
        union all
        select one.referral_id, one.service_id, one.goes_on_as, distance + 1
        from after join referral as one on one.referral_id = after.goes_on_as
        where distance < {_FARTHEST}
    )
    select referral_id, service_id from after order by distance
"""

LOCK_REFERRED_ONWARD: Final = f"""
    {_BEFORE}
    select {COLUMNS} from referral
    where referral_id in (select referral_id from before where goes_onward)
    order by referral_id
    for update
"""

REFERRALS: Final = f"select {COLUMNS} from referral where referral_id = %s"


def chain_before(tx: Transaction, referral_id: UUID) -> list[Link]:
    """Return the chain from its beginning up to and with a referral."""
    return [Link(**row) for row in tx.fetch(CHAIN_BEFORE, (referral_id,))]


def chain_after(tx: Transaction, referral_id: UUID) -> list[Link]:
    """Return the chain from a referral on, to its end."""
    return [Link(**row) for row in tx.fetch(CHAIN_AFTER, (referral_id,))]


def last_of(tx: Transaction, chain: list[Link]) -> Referral:
    """Return the last referral of a chain, to read."""
    return from_row(tx.fetch(REFERRALS, (chain[-1].referral_id,))[0])


def lock_referred_onward(tx: Transaction, referral_id: UUID) -> list[Referral]:
    """Lock and return those before a referral in its chain that were referred onward.

    Of a redirection the sender is party to what follows, and hears of its end as such.
    """
    return [from_row(row) for row in tx.fetch(LOCK_REFERRED_ONWARD, (referral_id,))]

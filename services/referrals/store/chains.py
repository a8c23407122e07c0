"""Chains of referrals: what stands before one and after it.

Who locks a referral has its whole chain locked (`store.lock_referral`), so nothing here waits for the database.
"""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from messaging.transaction import Transaction
from services.referrals.rules import Link, Referral
from services.referrals.rules.chains import CHAIN_AT_MOST
from services.referrals.store.referrals import find_referral

_FARTHEST: Final = 2 * CHAIN_AT_MOST  # no chain is longer; a fault in the rows must not make this run for ever


def chain_before(tx: Transaction, referral: Referral) -> list[Link]:
    """Return the chain from its beginning up to and with a referral."""
    return links([referral, *_before(tx, referral)])[::-1]


def chain_after(tx: Transaction, referral: Referral) -> list[Referral]:
    """Return the chain from a referral on, to its end."""
    after = [referral]
    while len(after) < _FARTHEST and (following := _find(tx, after[-1].goes_on_as)) is not None:
        after.append(following)
    return after


def last_after(tx: Transaction, referral: Referral) -> Referral:
    """Return the last referral of the chain that a referral stands in."""
    return chain_after(tx, referral)[-1]


def links(chain: list[Referral]) -> list[Link]:
    """Return of each referral of a chain which it is, which service it asks for and whose, and who knows of it."""
    return [Link.of(one) for one in chain]


def referred_onward_before(tx: Transaction, referral: Referral) -> list[Referral]:
    """Return those before a referral in its chain that were referred onward.

    Of a redirection the sender is party to what follows, and hears of its end as such.
    """
    following, onward = referral, []
    for one in _before(tx, referral):
        if following.onward_from is not None:
            onward.append(one)
        following = one
    return sorted(onward, key=lambda one: one.referral_id)


def _before(tx: Transaction, referral: Referral) -> Iterator[Referral]:
    for _ in range(_FARTHEST - 1):
        before = _find(tx, referral.redirected_from or referral.onward_from)
        if before is None or before.goes_on_as != referral.referral_id:
            return
        yield before
        referral = before


def _find(tx: Transaction, referral_id: UUID | None) -> Referral | None:
    return None if referral_id is None else find_referral(tx, referral_id)

"""Filling the tables of cases anew: what goes before, and what is put right behind."""

from collections.abc import Collection, Sequence
from typing import Final, LiteralString
from uuid import UUID

from messaging.transaction import Transaction

# Where facts come again, one of before may come after that which ended it.
SETTLE: Final = """
    delete from escalation where referral_id = any(%s) and (
        exists (select from referral where referral.referral_id = escalation.referral_id and changed_at > escalated_at)
        or exists (
            select from event where event.referral_id = escalation.referral_id and noted_at > escalated_at
                and what = 'purged' and not details ? 'awaited'
        )
    )
"""

TABLES: Final[Sequence[LiteralString]] = (
    "referral", "step", "event", "escalation", "purge_asked", "call_back", "link", "service", "triage",
)  # fmt: skip
# What facts are kept in, but not that somebody is erased: that is never asked for as if it were not known.
EMPTY: Final[Sequence[LiteralString]] = (
    *(f"delete from {table}" for table in TABLES),
    "delete from consent where not forgotten",
)


def settle(tx: Transaction, referrals: Collection[UUID]) -> None:
    """Have nobody be chased for what has moved on, in whatever order that was said."""
    if referrals:
        tx.fetch(SETTLE, (list(referrals),))


def empty(tx: Transaction) -> None:
    """Forget all that is known of cases, services, consents and needs, to be told it again."""
    for statement in EMPTY:
        tx.fetch(statement)

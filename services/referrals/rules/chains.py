"""Chains of referrals: one goes on as another, redirected or referred onward, and its end is told at its beginning."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.transitions import CLOSED, COMPLETED, ENDED, HUB, REDIRECTED
from messaging.answers import Refused
from services.referrals.rules.referrals import Referral, Step, note

CHAIN_AT_MOST = 5  # referrals; a person who is passed on so often needs a coordinator


@dataclass(frozen=True, slots=True)
class Link:
    """One referral of a chain: which it is, which service it asks for and whose, and who knows of it."""

    referral_id: UUID
    service_id: UUID
    recipient: str
    known_to: Set[str]

    @classmethod
    def of(cls, referral: Referral) -> "Link":
        """Make the link that a referral is in its chain."""
        return cls(
            referral.referral_id,
            referral.service_id,
            referral.recipient,
            frozenset({*referral.parties, referral.sent_by}),
        )


def go_on(first: Referral, following: Referral, *, by: str, before: Sequence[Link], after: Sequence[Link]) -> Referral:
    """Note on a referral which other one it goes on as.

    `before` is the chain up to and with the first, `after` the chain from the following one on. Nobody is sent
    back to a service of who had them before, nor round in a circle, nor on and on. Of those who had them `by` knows
    some: where the person has been besides it is not told, because that would tell of others' referrals.
    """
    if {one.referral_id for one in before} & {one.referral_id for one in after}:
        raise Refused("chain_loops")
    if _services_before(before, by=by) & {one.service_id for one in after if by in one.known_to}:
        raise Refused("chain_loops")
    if len(before) + len(after) > CHAIN_AT_MOST:
        raise Refused("chain_too_long")
    return replace(first, goes_on_as=following.referral_id)


def _services_before(before: Sequence[Link], *, by: str) -> Set[UUID]:
    """Return the services that had the person, of the organisations that `by` knows to have had them."""
    known = {organisation for one in before if by in one.known_to for organisation in one.known_to}
    return {one.service_id for one in before if one.recipient in known}


def refer_onward(
    first: Referral, onward: Referral, *, by: str, before: Sequence[Link], after: Sequence[Link]
) -> tuple[Referral, Referral]:
    """Link a referral that was completed as referred onward with the one that its recipient has sent, both ways.

    A confidential case is linked with a confidential case only: a link with a person's id would tell who it is.
    """
    if onward.sender != by:
        raise Refused("onward_not_yours")
    if first.person_id != onward.person_id:  # of two confidential cases neither has one
        raise Refused("onward_of_another_person")
    if onward.onward_from is not None or onward.redirected_from is not None:
        raise Refused("onward_taken")
    first = go_on(first, onward, by=by, before=before, after=after)
    return first, replace(onward, onward_from=first.referral_id)


def ends_chain(referral: Referral) -> bool:
    """Whether it is the last of a chain, and has just ended."""
    follows = referral.redirected_from is not None or referral.onward_from is not None
    return follows and has_ended(referral) and any(step.what == referral.state for step in referral.steps)


def has_ended(referral: Referral) -> bool:
    """Whether it has ended, and does not go on as another."""
    return referral.state in ENDED - {REDIRECTED} and referral.goes_on_as is None


def hear_of_end(first: Referral, last: Referral, *, at: datetime) -> Referral:
    """Note on a referral that was referred onward how the last of its chain has ended: its state stays as it is."""
    if first.state not in (COMPLETED, CLOSED):
        return first
    heard = replace(first, sequence=first.sequence + 1)
    details = {"last": str(last.referral_id), "state": str(last.state), "outcome": last.outcome or ""}
    return note(heard, Step(first.state, "hub", HUB, at, heard.sequence, details=details, came_from=first.state))

"""Which registrations are of one person, as coordinators decide: a graph of links, and the network persons in it."""

from collections.abc import Collection, Iterable
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from services.intake.rules.answers import Refused

LINKED: Final = "linked"
REJECTED: Final = "rejected"  # "not the same"

MOST_REGISTRATIONS: Final = 200  # of one network person: no human being has more, a mistake may

Pair = tuple[UUID, UUID]  # the lesser id first


def pair_of(one: UUID, other: UUID) -> Pair:
    """Name a pair whichever comes first."""
    return (one, other) if one < other else (other, one)


def match_id_of(pair: Pair) -> UUID:
    """Return the id of a match: the same for the same two registrations, whoever makes it."""
    return uuid5(NAMESPACE_OID, f"{pair[0]} {pair[1]}")


def network_persons(people: Iterable[UUID], links: Iterable[Pair]) -> list[frozenset[UUID]]:
    """Put together what links connect, directly or through others; each group in the order of its network id."""
    together = {person: {person} for person in people}
    for one, other in links:
        joined = together[one]
        if other not in joined:
            joined |= together[other]
            for person in together[other]:
                together[person] = joined
    return sorted({frozenset(group) for group in together.values()}, key=network_id_of)


def network_id_of(people: Iterable[UUID]) -> UUID:
    """Return the id of a network person: of its registrations the least, so that it depends on nothing else."""
    return min(people)


def check_link(decision: str | None, people: Collection[UUID], rejected: Iterable[Pair]) -> None:
    """Let two registrations be linked once, and never over a "not the same" that stands.

    `people` is everybody who would be one network person then, `rejected` the pairs among them that are not the same.
    """
    if decision == LINKED:
        raise Refused("already_linked")
    if any(True for _ in rejected):
        raise Refused("already_rejected")
    if len(people) > MOST_REGISTRATIONS:
        raise Refused("too_many_registrations")


def check_rejection(decision: str | None, *, same_network_person: bool) -> None:
    """Let two registrations be told apart once, and not while they are linked, directly or through others."""
    if decision == REJECTED:
        raise Refused("already_rejected")
    if same_network_person:
        raise Refused("already_linked")


def check_undoing(decision: str | None) -> None:
    """Let only what was decided, and stands, be taken back."""
    if decision is None:
        raise Refused("not_decided")

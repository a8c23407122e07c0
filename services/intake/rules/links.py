"""Which registrations are of one person, as coordinators decide: a graph of links, and the network persons in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid5

from messaging.answers import Refused

MOST_REGISTRATIONS: Final = 200  # of one network person: no human being has more, a mistake may

LINKED, REJECTED, UNDONE = "linked", "rejected", "undone"  # decisions

Pair = tuple[UUID, UUID]  # the lesser id first


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom a decision about two registrations may concern, the network persons they belong to, and what is decided."""

    people: frozenset[UUID]
    linked: frozenset[Pair]
    rejected: frozenset[Pair]  # told apart: "not the same"

    def decision(self, pair: Pair) -> str:
        """What the last word about two registrations has come to."""
        return LINKED if pair in self.linked else REJECTED if pair in self.rejected else UNDONE


def pair_of(one: UUID, other: UUID) -> Pair:
    """Name a pair, whichever comes first."""
    return (one, other) if one < other else (other, one)


def match_id_of(pair: Pair) -> UUID:
    """Return the id of a match: the same for the same two registrations, whoever makes it."""
    return uuid5(NAMESPACE_OID, f"{pair[0]} {pair[1]}")


def named_pair(match_id: UUID, people: Sequence[UUID]) -> Pair:
    """Return the pair that a decision is about; refuse a match that is called by another id than its own."""
    pair = pair_of(*people)
    if match_id != match_id_of(pair):
        raise Refused("wrong_match_id")
    return pair


def link(circle: Circle, pair: Pair) -> Circle:
    """Two registrations are of one person: said once, and never over a "not the same" that stands between them."""
    if pair in circle.linked:
        raise Refused("already_linked")
    if pair in circle.rejected:
        raise Refused("already_rejected")
    linked = replace(circle, linked=circle.linked | {pair})
    if any(set(apart) <= person for apart in circle.rejected for person in network_persons(linked)):
        raise Refused("rejected_between")
    if any(len(person) > MOST_REGISTRATIONS for person in network_persons(linked)):
        raise Refused("too_many_registrations")
    return linked


def reject(circle: Circle, pair: Pair) -> Circle:
    """Two registrations are not of one person: said once, and not while links, be they through others, say they are."""
    if pair in circle.rejected:
        raise Refused("already_rejected")
    if any(set(pair) <= person for person in network_persons(circle)):
        raise Refused("already_linked")
    return replace(circle, rejected=circle.rejected | {pair})


def undo(circle: Circle, pair: Pair) -> Circle:
    """A link, or a "not the same", is taken back."""
    if pair not in circle.linked | circle.rejected:
        raise Refused("not_decided")
    return replace(circle, linked=circle.linked - {pair}, rejected=circle.rejected - {pair})


def network_persons(circle: Circle) -> list[frozenset[UUID]]:
    """Put together whom links connect, directly or through others; in the order of their network ids."""
    together = {person: {person} for person in circle.people}
    for one, other in circle.linked:
        if together[one] is not together[other]:
            together[one] |= together[other]
            for person in together[other]:
                together[person] = together[one]
    return sorted({frozenset(person) for person in together.values()}, key=network_id_of)


def network_id_of(registrations: Iterable[UUID]) -> UUID:
    """Return the id of a network person: of its registrations' ids the least, so that it depends on nothing else."""
    return min(registrations)


def newly_together(before: Circle, after: Circle) -> list[frozenset[UUID]]:
    """Return the network persons that a decision has made: one when it joins two, each part when it splits one."""
    known = set(network_persons(before))
    return [person for person in network_persons(after) if person not in known]

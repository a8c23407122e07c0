"""The system of the organisation whose coordinators are asked whether two registrations are one person.

They look at the people, which no program can: here the script tells them who is who. What is proposed is linked or
rejected; what nobody proposed they link when they come upon it, at the end.

    python -m demo.years.coordinator HOME DIRECTORY
"""

from collections.abc import Iterable
from uuid import NAMESPACE_OID, uuid5

import contracts
from demo.partner import Order, Partner, main
from demo.plan import Step

# How the steps of a decision are called; the contract is the same for both kinds of link.
LINKED, LINKED_BY_HAND, REJECTED = "linked on a proposal", "linked by hand", "proposed and told apart"


class Coordinator(Partner):
    """An organisation's system that also answers `match.proposed`."""

    def _take_up(self, plan: Order) -> None:
        super()._take_up(plan)
        self._links_by_hand_on: int = plan["links_by_hand_on"]
        # Of each registration, the one that stands for all that are linked with it, and the person that it is of.
        self._linked_with = {each: each for ids in plan["same"] for each in ids}
        self._person = {each: person for person, ids in enumerate(plan["same"]) for each in ids}
        self._same: list[list[str]] = plan["same"]

    def _answer(self, message: contracts.Message) -> Iterable[Step]:
        if not isinstance(message.data, contracts.MatchProposed):
            return
        one, other = (str(each) for each in message.data.person_ids)
        if one not in self._person or self._person[one] != self._person.get(other):
            yield _step(REJECTED, "match.rejected.v1", one, other)
        else:
            yield from self._link(LINKED, one, other)

    def _turn_to(self, day: int) -> None:
        super()._turn_to(day)
        if day == self._links_by_hand_on:
            for first, *others in self._same:
                for other in others:
                    for step in self._link(LINKED_BY_HAND, first, other):
                        self._plan.add(step)

    def _link(self, how: str, one: str, other: str) -> Iterable[Step]:
        """Link two registrations, unless they are linked through others."""
        stands_for, stands_for_other = self._linked_with[one], self._linked_with[other]
        if stands_for == stands_for_other:
            return
        for each in self._same[self._person[one]]:
            if self._linked_with[each] == stands_for_other:
                self._linked_with[each] = stands_for
        yield _step(how, "match.linked.v1", one, other)


def _step(how: str, kind: str, *pair: str) -> Step:
    lesser, greater = sorted(pair)
    match = str(uuid5(NAMESPACE_OID, f"{lesser} {greater}"))  # as contracts/matching.py says
    return {
        "step": f"{how}: {match}",
        "type": kind,
        "subject": match,
        "data": {"match_id": match, "person_ids": [lesser, greater]},
        "after": None,
        "expects": None,
        "day": 0,
        "copies": 1,
    }


if __name__ == "__main__":
    main(Coordinator)

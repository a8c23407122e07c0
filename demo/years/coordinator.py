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


class Coordinator(Partner):
    """An organisation's system that also answers `match.proposed`."""

    def _take_up(self, plan: Order) -> None:
        super()._take_up(plan)
        self._same = {match_id(*pair): pair for pair in plan["same"]}
        self._links_by_hand_on: int = plan["links_by_hand_on"]
        self._decided: set[str] = set()

    def _answer(self, message: contracts.Message) -> Iterable[Step]:
        if not isinstance(message.data, contracts.MatchProposed):
            return
        proposed, pair = str(message.data.match_id), [str(each) for each in message.data.person_ids]
        self._decided.add(proposed)
        yield _step("match.linked.v1" if proposed in self._same else "match.rejected.v1", proposed, pair)

    def _turn_to(self, day: int) -> None:
        super()._turn_to(day)
        if day == self._links_by_hand_on:
            for missed in self._same.keys() - self._decided:
                self._plan.add(_step("match.linked.v1", missed, self._same[missed]))


def match_id(one: str, other: str) -> str:
    """Return the id that the network gives a match of two registrations (contracts/matching.py)."""
    return str(uuid5(NAMESPACE_OID, " ".join(sorted((one, other)))))


def _step(kind: str, match: str, pair: list[str]) -> Step:
    return {
        "step": f"{kind} {match}",
        "type": kind,
        "subject": match,
        "data": {"match_id": match, "person_ids": pair},
        "after": None,
        "expects": None,
        "day": 0,
        "copies": 1,
    }


if __name__ == "__main__":
    main(Coordinator)

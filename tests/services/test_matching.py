"""Registrations that may be of one person: proposed once, linked, told apart, undone; nothing is merged by itself."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import contracts
from contracts import Message, sealing
from messaging import database
from messaging.transaction import Transaction
from services.intake import rules
from services.intake.rules.links import match_id_of, pair_of
from services.intake.store import erasure
from services.intake.store import matching as store
from tests.examples import ANOTHER, COORDINATOR, NOW, PERSON, PERSON_ID, RECIPIENT, SENDER, person_registered
from tests.services.conftest import ServiceUnderTest

OTHER_ID = UUID("01950000-0000-7000-8000-0000000000a2")
THIRD_ID = UUID("01950000-0000-7000-8000-0000000000a3")
PAIR = pair_of(PERSON_ID, OTHER_ID)
# The same person elsewhere: surnames swapped, accents lost, another telephone, no document.
ELSEWHERE = {**PERSON, "given_names": "YULEISI", "family_names": "Urdaneta Guerrero", "phone": "+573019876543"}
ELSEWHERE.pop("documents")
OPEN_WITH_PERSON = "select 1 from match where (person_id, other_id) = (%s, %s)"
IS_ERASED = "select 1 from person where person_id = %s and erased_at is not null"
TWIN = {**PERSON, "given_names": "Mariángel", "documents": [{"type": "PT", "number": "4815163"}]}


class Matching:
    """Intake, and what the tests say to it."""

    def __init__(self, intake: ServiceUnderTest, hub_key: sealing.Key) -> None:
        self.intake = intake
        self._key = sealing.public_part(hub_key)

    def register(self, person: dict[str, Any], person_id: UUID, by: str = SENDER, **overrides: Any) -> None:
        said = person_registered(self._key, person=person, person_id=person_id, **overrides)
        self.intake.hear(said, source=by)

    def compare(self) -> list[Message[Any]]:
        """Run the timed handler once; return what it says."""
        drafts = self.intake.service.propose_matches(self.intake.tx, self.intake.clock.now)  # type: ignore[attr-defined]
        self.intake.tx.keep()
        return [contracts.stamp(draft, source="hub", time=self.intake.clock.now) for draft in drafts]

    def link(self, one: UUID = PERSON_ID, other: UUID = OTHER_ID) -> list[Message[Any]]:
        return self.intake.hear(contracts.MatchLinked(**_match(one, other)), source=COORDINATOR)

    def tell_apart(self, one: UUID = PERSON_ID, other: UUID = OTHER_ID) -> list[Message[Any]]:
        return self.intake.hear(contracts.MatchRejected(**_match(one, other)), source=COORDINATOR)

    def undo(self, one: UUID = PERSON_ID, other: UUID = OTHER_ID) -> list[Message[Any]]:
        undone = contracts.MatchUndone(match_id=match_id_of(pair_of(one, other)))
        return self.intake.hear(undone, source=COORDINATOR)


def _match(one: UUID, other: UUID) -> dict[str, Any]:
    return {"match_id": match_id_of(pair_of(one, other)), "person_ids": (one, other)}


def persons(said: list[Message[Any]]) -> list[set[UUID]]:
    """The network persons that are told of."""
    assert all(isinstance(one.data, contracts.PersonIdentified) and one.recipient is None for one in said)
    assert all(one.data.network_id == min(one.data.person_ids) for one in said)
    return [set(one.data.person_ids) for one in said]


@pytest.fixture
def matching(intake: ServiceUnderTest, hub_key: sealing.Key) -> Matching:
    """Intake, knowing one person in one registration."""
    made = Matching(intake, hub_key)
    made.register(PERSON, PERSON_ID)
    return made


@pytest.fixture
def three(matching: Matching) -> Matching:
    """Intake, knowing three registrations."""
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    matching.register(TWIN, THIRD_ID, by=ANOTHER)
    return matching


# -- proposals --------------------------------------------------------------------------------------------------------


def test_a_person_registered_elsewhere_is_proposed_to_the_coordinator_with_reasons(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    (asked,) = matching.compare()
    assert (asked.type, asked.recipient) == ("match.proposed.v1", COORDINATOR)
    assert (asked.data.match_id, asked.data.person_ids) == (match_id_of(PAIR), PAIR)
    assert asked.data.score > 0.9
    assert {reason.field: reason.comparison for reason in asked.data.reasons} == {
        "birth_date": "same",
        "family_names": "swapped",
        "given_names": "one_missing",
        "nationality": "same",
        "phone": "different",
        "sex": "same",
    }


def test_a_proposal_says_nothing_of_what_is_in_the_fields(matching: Matching) -> None:
    matching.register({**ELSEWHERE, "documents": PERSON["documents"]}, OTHER_ID, by=RECIPIENT)
    (asked,) = matching.compare()
    said = asked.data.model_dump_json().lower()
    assert not any(value in said for value in ("yule", "yls", "guerrero", "4815162", "1991", "987654"))


def test_whom_one_organisation_registers_twice_is_proposed_too(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=SENDER)
    assert len(matching.compare()) == 1


def test_those_who_were_compared_earlier_are_found_by_those_who_come_later(matching: Matching) -> None:
    assert matching.compare() == []
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    assert len(matching.compare()) == 1


def test_a_twin_is_not_proposed(matching: Matching) -> None:
    matching.register(TWIN, OTHER_ID, by=RECIPIENT)
    assert matching.compare() == []


def test_what_was_proposed_is_not_proposed_again_by_a_correction_that_changes_nothing(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    matching.compare()
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT, registered_at=NOW + timedelta(days=1))
    assert matching.compare() == []


def test_a_correction_that_says_more_is_proposed_anew_under_the_same_id(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    (before,) = matching.compare()
    corrected = {**ELSEWHERE, "documents": PERSON["documents"]}
    matching.register(corrected, OTHER_ID, by=RECIPIENT, registered_at=NOW + timedelta(days=1))
    (after,) = matching.compare()
    assert after.data.match_id == before.data.match_id
    assert after.data.score > before.data.score


def test_a_correction_is_no_longer_found_by_what_was_wrong(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    somebody_else = {"given_names": "Ana", "family_names": "Barrios", "phone": "+573201111111"}
    matching.register(somebody_else, OTHER_ID, by=RECIPIENT, registered_at=NOW + timedelta(days=1))
    assert matching.compare() == []
    keys = matching.intake.rows("select key from match_key where person_id = %s", OTHER_ID)
    assert keys == [{"key": "phone 3201111111"}]


def test_a_key_that_many_people_have_finds_nobody(matching: Matching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_HOLDERS", 1)
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    assert matching.compare() == []


def test_many_who_wait_are_compared_in_turns_and_none_is_forgotten(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "COMPARED_AT_ONCE", 2)
    for number in range(5):
        matching.register({**PERSON, "documents": [{"type": "PT", "number": f"77000{number}00"}]}, uuid4())
    turns = [matching.compare() for _ in range(4)]
    assert turns[3] == []
    proposed = [one.data.match_id for turn in turns for one in turn]
    assert matching.intake.rows("select 1 from match_waiting") == []
    assert sorted(proposed) == sorted(row["match_id"] for row in matching.intake.rows("select match_id from match"))


@pytest.mark.parametrize(("brief", "left"), [(False, 2), (True, 4)])
def test_where_messages_come_fewer_are_compared_and_the_rest_soon(
    matching: Matching, monkeypatch: pytest.MonkeyPatch, brief: bool, left: int
) -> None:
    monkeypatch.setattr(store, "COMPARED_AT_ONCE", 4)
    monkeypatch.setattr(store, "COMPARED_BRIEFLY", 2)
    for number in range(5):
        matching.register({**PERSON, "documents": [{"type": "PT", "number": f"77000{number}00"}]}, uuid4())
    matching.intake.tx.brief = brief
    matching.compare()
    assert len(matching.intake.rows("select 1 from match_waiting")) == left
    assert matching.intake.tx.comes_again


def test_who_has_compared_the_last_of_them_does_not_come_again(matching: Matching) -> None:
    matching.compare()
    assert not matching.intake.tx.comes_again


def test_one_process_compares_at_a_time_and_registering_goes_on(intake_database: str) -> None:
    with database.connect(intake_database) as one, database.connect(intake_database) as other:
        store.take_waiting(Transaction(one), 1)
        other.execute("lock table match_waiting in row exclusive mode")  # as whoever registers takes it
        other.execute("set lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            store.take_waiting(Transaction(other), 1)
        one.rollback()
        other.rollback()


def test_an_erased_person_leaves_no_key_behind(three: Matching) -> None:
    three.compare()
    three.register(PERSON, PERSON_ID, registered_at=NOW + timedelta(days=1))
    store.forget_person(three.intake.tx, PERSON_ID)
    for table in ("match_key", "match_waiting"):
        assert three.intake.rows(f"select 1 from {table} where person_id = %s", PERSON_ID) == []
    assert three.intake.rows("select 1 from match_key where person_id = %s", OTHER_ID) != []


# -- who registers copies ---------------------------------------------------------------------------------------------


def copies(number: int) -> list[dict[str, Any]]:
    """Registrations that are all one person, and each differs from the others in its document."""
    return [{**PERSON, "documents": [{"type": "PT", "number": f"7{place:02}91{place:02}"}]} for place in range(number)]


def open_for(matching: Matching, person_id: UUID) -> int:
    """About how many proposals of a person coordinators have not said anything."""
    is_open = "select 1 from match where %s in (person_id, other_id) and decision is null"
    return len(matching.intake.rows(is_open, person_id))


def held_back(matching: Matching) -> dict[UUID, int]:
    rows = matching.intake.rows("select person_id, pairs from match_held_back")
    return {row["person_id"]: row["pairs"] for row in rows}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many proposals of a person with one organisation's registrations may be open: fewer than usual."""
    monkeypatch.setattr(rules.matching, "OPEN_AT_MOST", 2)
    return 2


@pytest.mark.parametrize("at_once", [True, False])
def test_of_many_copies_only_so_many_are_asked_about_and_the_others_are_counted(
    matching: Matching, few: int, at_once: bool
) -> None:
    """Else one organisation could have coordinators asked any number of times."""
    people, said = [PERSON_ID], []
    for copy in copies(8):
        people.append(uuid4())
        matching.register(copy, people[-1])
        if not at_once:
            said += matching.compare()
    said += matching.compare()
    assert [one for one in people if open_for(matching, one) > few] == []
    assert len(said) <= len(people) * few / 2 < len(people) * (len(people) - 1) / 2
    assert len(matching.intake.rows("select 1 from match")) == len(said)
    assert max(held_back(matching).values()) == len(people) - 1 - few
    assert max(one.data.held_back for one in said) > 0


def test_copies_of_one_organisation_keep_nobodys_registration_from_being_asked_about(
    matching: Matching, few: int
) -> None:
    for copy in copies(5):
        matching.register(copy, uuid4(), by=ANOTHER)
    matching.compare()
    assert open_for(matching, PERSON_ID) == few
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    assert PAIR in [pair_of(*asked.data.person_ids) for asked in matching.compare()]


def test_whoever_is_most_alike_is_asked_about_first(matching: Matching, few: int) -> None:
    for copy in copies(3):
        matching.register(copy | {"given_names": "Yuleisy"}, uuid4(), by=RECIPIENT)
    matching.register(PERSON, OTHER_ID, by=RECIPIENT)  # with the same document
    assert PAIR in [pair_of(*asked.data.person_ids) for asked in matching.compare()]


@pytest.mark.parametrize("decide", ["link", "tell_apart"])
def test_what_was_held_back_is_asked_about_as_coordinators_decide(matching: Matching, few: int, decide: str) -> None:
    others = [uuid4() for _ in range(6)]
    for copy, person_id in zip(copies(6), others, strict=True):
        matching.register(copy, person_id, by=RECIPIENT)
    asked: set[UUID] = set()
    while said := matching.compare():
        about = {one for ask in said for one in ask.data.person_ids if PERSON_ID in ask.data.person_ids} - {PERSON_ID}
        assert not asked & about
        for other in sorted(about):
            getattr(matching, decide)(PERSON_ID, other)
        asked |= about
    assert asked == set(others)
    assert PERSON_ID not in held_back(matching)


def test_what_links_have_answered_through_others_leaves_room_for_another_question(matching: Matching, few: int) -> None:
    others = [uuid4() for _ in range(few + 1)]
    for copy, person_id in zip(copies(few + 1), others, strict=True):
        matching.register(copy, person_id, by=RECIPIENT)
    matching.compare()
    assert open_for(matching, PERSON_ID) == few
    (unasked,) = [one for one in others if not matching.intake.rows(OPEN_WITH_PERSON, *pair_of(PERSON_ID, one))]
    for other in others:
        if other != unasked:
            matching.link(other, unasked)
    matching.link(PERSON_ID, unasked)
    matching.compare()
    matching.register(PERSON, OTHER_ID, by=RECIPIENT)
    assert PAIR in [pair_of(*asked.data.person_ids) for asked in matching.compare()]


def test_a_link_between_others_that_answers_for_somebody_has_them_compared_again(matching: Matching, few: int) -> None:
    others = [uuid4() for _ in range(few + 2)]
    for copy, person_id in zip(copies(few + 2), others, strict=True):
        matching.register(copy, person_id, by=RECIPIENT)
    matching.compare()
    one, other = (one for one in others if matching.intake.rows(OPEN_WITH_PERSON, *pair_of(PERSON_ID, one)))
    matching.link(PERSON_ID, one)
    matching.compare()
    assert held_back(matching)[PERSON_ID] == 1
    matching.link(one, other)
    assert PERSON_ID in {person_id for asked in matching.compare() for person_id in asked.data.person_ids}
    assert PERSON_ID not in held_back(matching)


def test_who_waits_behind_a_key_that_too_many_have_is_not_forgotten(
    matching: Matching, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_HOLDERS", 6)
    others = [uuid4() for _ in range(6)]
    for copy, person_id in zip(copies(6)[:5], others, strict=False):
        matching.register(copy, person_id, by=RECIPIENT)
    matching.compare()
    assert held_back(matching)[PERSON_ID] == 3
    matching.register(copies(6)[5], others[5], by=RECIPIENT)
    asked = [one for one in others if matching.intake.rows(OPEN_WITH_PERSON, *pair_of(PERSON_ID, one))]
    matching.link(PERSON_ID, asked[0])
    assert matching.compare() == []
    assert held_back(matching)[PERSON_ID] == 3
    erasure.erase(matching.intake.tx, erasure.lock_registrations(matching.intake.tx, others[5]), at=NOW)
    matching.link(PERSON_ID, asked[1])
    assert PERSON_ID in {person_id for said in matching.compare() for person_id in said.data.person_ids}


def test_whom_the_erased_had_kept_waiting_are_compared_again(matching: Matching, few: int) -> None:
    others = [uuid4() for _ in range(4)]
    for copy, person_id in zip(copies(4), others, strict=True):
        matching.register(copy, person_id, by=RECIPIENT)
    matching.compare()
    for erased in [one for one in others if matching.intake.rows(OPEN_WITH_PERSON, *pair_of(PERSON_ID, one))]:
        erasure.erase(matching.intake.tx, erasure.lock_registrations(matching.intake.tx, erased), at=NOW)
    asked = {one for said in matching.compare() for one in said.data.person_ids}
    assert asked >= {PERSON_ID, *(one for one in others if not matching.intake.rows(IS_ERASED, one))}


# -- links ------------------------------------------------------------------------------------------------------------


def test_a_link_makes_one_person_of_the_network_and_the_services_hear_of_it(three: Matching) -> None:
    assert persons(three.link()) == [{PERSON_ID, OTHER_ID}]
    rows = three.intake.rows("select person_id from network_person where network_id = %s", PERSON_ID)
    assert {row["person_id"] for row in rows} == {PERSON_ID, OTHER_ID}


def test_a_second_link_names_everybody_whom_links_connect(three: Matching) -> None:
    three.link()
    assert persons(three.link(THIRD_ID, OTHER_ID)) == [{PERSON_ID, OTHER_ID, THIRD_ID}]


def test_a_link_between_people_who_are_one_person_already_changes_nobody(three: Matching) -> None:
    three.link()
    three.link(OTHER_ID, THIRD_ID)
    assert three.link(PERSON_ID, THIRD_ID) == []


def test_who_is_linked_is_not_proposed_any_more(three: Matching) -> None:
    three.link()
    assert three.compare() == []


def test_a_link_said_twice_is_refused_as_a_repeat(three: Matching) -> None:
    three.link()
    with pytest.raises(rules.Refused, match=r"^already_linked$"):
        three.link(OTHER_ID, PERSON_ID)


def test_a_link_under_another_id_than_its_own_is_refused(three: Matching) -> None:
    with pytest.raises(rules.Refused, match=r"^wrong_match_id$"):
        three.intake.hear(contracts.MatchLinked(match_id=uuid4(), person_ids=PAIR), source=COORDINATOR)


def test_a_link_that_would_join_through_others_who_were_told_apart_is_refused(three: Matching) -> None:
    three.tell_apart()
    three.link(OTHER_ID, THIRD_ID)
    with pytest.raises(rules.Refused, match=r"^rejected_between$"):
        three.link(PERSON_ID, THIRD_ID)


# -- not the same -----------------------------------------------------------------------------------------------------


def test_who_was_told_apart_is_never_proposed_again(matching: Matching) -> None:
    matching.register(ELSEWHERE, OTHER_ID, by=RECIPIENT)
    matching.compare()
    assert matching.tell_apart() == []
    corrected = {**ELSEWHERE, "documents": PERSON["documents"]}
    matching.register(corrected, OTHER_ID, by=RECIPIENT, registered_at=NOW + timedelta(days=1))
    assert matching.compare() == []


def test_a_rejection_of_who_is_linked_through_others_is_refused(three: Matching) -> None:
    three.link()
    three.link(OTHER_ID, THIRD_ID)
    with pytest.raises(rules.Refused, match=r"^already_linked$"):
        three.tell_apart(PERSON_ID, THIRD_ID)


# -- undoing ----------------------------------------------------------------------------------------------------------


def test_an_undone_link_names_each_person_that_it_leaves(three: Matching) -> None:
    three.link()
    three.link(OTHER_ID, THIRD_ID)
    assert persons(three.undo()) == [{PERSON_ID}, {OTHER_ID, THIRD_ID}]
    rows = three.intake.rows("select person_id, network_id from network_person order by person_id")
    assert [(row["person_id"], row["network_id"]) for row in rows] == [
        (PERSON_ID, PERSON_ID),
        (OTHER_ID, OTHER_ID),
        (THIRD_ID, OTHER_ID),
    ]


def test_an_undone_rejection_may_be_linked(three: Matching) -> None:
    three.tell_apart()
    assert three.undo() == []
    assert persons(three.link()) == [{PERSON_ID, OTHER_ID}]


def test_what_was_only_proposed_cannot_be_undone(three: Matching) -> None:
    three.compare()
    with pytest.raises(rules.Refused, match=r"^not_decided$"):
        three.undo()


def test_every_decision_is_kept_with_who_made_it(three: Matching) -> None:
    three.link()
    three.undo()
    three.tell_apart()
    rows = three.intake.rows("select decision, decided_by from match_decision order by decision")
    assert rows == [{"decision": one, "decided_by": COORDINATOR} for one in ("linked", "rejected", "undone")]


def test_people_with_too_many_to_be_compared_with_are_compared_over_several_rounds(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else somebody's registrations, made to share keys, have every round take too long and fail for all."""
    monkeypatch.setattr(rules.matching.who_fits, "__kwdefaults__", {"most": 2})
    everybody = [PERSON_ID, OTHER_ID, THIRD_ID, *(uuid4() for _ in range(3))]
    for person_id in everybody[1:]:
        matching.register(PERSON, person_id)

    rounds = [matching.compare() for _ in everybody]

    asked = [pair_of(*said.data.person_ids) for proposals in rounds for said in proposals]
    assert sorted(asked) == sorted({pair_of(one, other) for one in everybody for other in everybody if one != other})
    assert len([proposals for proposals in rounds if proposals]) > 1
    assert matching.compare() == []

"""Whether two registrations are of one person, by which keys they find each other, and whom links connect."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from anyascii import anyascii

from services.intake.rules import Refused, links, matching
from services.intake.rules.links import Circle, match_id_of, network_persons, newly_together, pair_of
from services.intake.rules.match_keys import match_keys
from services.intake.rules.matching import Likeness, compare, read_traits
from services.intake.rules.names import compare_names, read_names
from services.intake.rules.people import Person

ONE, OTHER = UUID(int=1), UUID(int=2)
REGISTERED = datetime(2021, 9, 1, tzinfo=UTC)

YULEISY = Person(
    person_id=ONE,
    registered_by="redcross",
    registered_at=REGISTERED,
    given_names="Yuleisy Andreína",
    family_names="Guerrero Urdaneta",
    documents=(("PT", "4815162"),),
    birth_date=date(1991, 7, 24),
    sex="female",
    nationality="VEN",
    phone="+573004815162",
)
"""Registered whole; the tests say what another organisation has written down otherwise."""


def elsewhere(**otherwise: Any) -> Person:
    return replace(YULEISY, person_id=OTHER, registered_by="iom", **otherwise)


def likeness(one: Person, other: Person) -> Likeness:
    return compare(read_traits(one), read_traits(other))


def comparisons(one: Person, other: Person) -> dict[str, str]:
    return {reason.field: reason.comparison for reason in likeness(one, other).reasons}


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "comparison"),
    [
        ("Yuleisy Andreína", "YULEISY ANDREINA", "same"),
        ("Pérez de la Hoz", "Perez Hoz", "same"),
        ("Pepe", "José", "same"),
        ("Guerrero Urdaneta", "Urdaneta Guerrero", "swapped"),
        ("Hernández", "Ernandes", "alike"),
        ("Vásquez Ceballos", "Basques Zeballos", "alike"),
        ("Quintero", "Kintero", "alike"),
        ("Yuleisy", "Yuliesy", "alike"),
        ("Yuleisy Andreína", "Yuleisy A.", "alike"),
        ("Guerrero Urdaneta", "Urdaneta", "one_missing"),
        ("José Luis", "Luis", "one_missing"),
        ("María José", "María Fernanda", "one_shared"),
        ("Guerrero Urdaneta", "Guerrero Marcano", "one_shared"),
        ("Ana", "Eva", "different"),
        ("Carlos", "Carla", "different"),
        ("Yuleisy", "Mariángel", "different"),
        ("Yuleisy", None, None),
        ("de la", "Yuleisy", None),
        ("…", "Yuleisy", None),
    ],
)
def test_names_compare_as_people_would_compare_them(one: str, other: str | None, comparison: str | None) -> None:
    assert compare_names(read_names(one), read_names(other)) == comparison
    assert compare_names(read_names(other), read_names(one)) == comparison


def test_a_name_of_many_words_takes_no_longer_than_one_of_a_few() -> None:
    many = elsewhere(given_names=" ".join("abcdefghij" * 10), family_names=" ".join("klmnopqrst" * 10))
    assert len(match_keys(read_traits(many))) < 150


# -- documents, births, telephones ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("documents", "comparison"),
    [
        ((("PT", "4815162"),), "same"),
        ((("PT", "4.815.162"),), "same"),
        ((("PT", "PPT 04815162"),), "same"),
        ((("CE", "4815162"),), "same_number"),
        ((("PT", "4851162"),), "near"),
        ((("PT", "481516"),), "near"),
        ((("PT", "4815163"),), "consecutive"),
        ((("PT", "9925417"),), "different"),
        ((("PA", "4815999"), ("PT", "4815162")), "same"),
        ((("CE", "9925417"),), None),
        ((("none", None),), None),
        ((("PT", "12"),), None),
        ((), None),
    ],
)
def test_documents_compare_by_their_numbers_whatever_is_written_around_them(
    documents: tuple[tuple[str, str | None], ...], comparison: str | None
) -> None:
    assert comparisons(YULEISY, elsewhere(documents=documents)).get("document") == comparison


def test_a_passport_with_another_number_says_nothing() -> None:
    one, other = (("PA", "068431952"),), (("PA", "157392846"),)
    assert "document" not in comparisons(replace(YULEISY, documents=one), elsewhere(documents=other))


@pytest.mark.parametrize(
    ("one", "other", "comparison"),
    [
        (date(1991, 7, 24), date(1991, 7, 24), "same"),
        (date(1991, 7, 4), date(1991, 4, 7), "swapped"),
        (date(1991, 7, 24), date(1992, 7, 24), "year_differs"),
        (date(1991, 7, 24), date(1981, 7, 24), "year_differs"),
        (date(1999, 7, 24), date(2000, 7, 24), "year_differs"),
        (date(1991, 7, 24), date(1964, 7, 24), "different"),
        (date(1991, 7, 24), date(1991, 1, 1), "year_only"),
        (date(1991, 7, 24), date(1991, 7, 21), "near"),
        (date(1991, 7, 24), date(1991, 9, 24), "near"),
        (date(1991, 7, 24), date(1993, 2, 11), "different"),
    ],
)
def test_birth_dates_compare_with_the_mistakes_that_are_made_in_them(one: date, other: date, comparison: str) -> None:
    assert comparisons(replace(YULEISY, birth_date=one), elsewhere(birth_date=other))["birth_date"] == comparison


@pytest.mark.parametrize(
    ("age", "comparison"),
    [
        (27, "age_differs"),
        (28, "age_agrees"),
        (29, "age_agrees"),
        (30, "age_agrees"),
        (31, "age_agrees"),
        (33, "age_differs"),
    ],
)
def test_an_age_agrees_with_a_birth_date_within_a_year(age: int, comparison: str) -> None:
    assert comparisons(YULEISY, elsewhere(birth_date=None, age=age))["birth_date"] == comparison


def test_an_unknown_birth_says_nothing() -> None:
    assert "birth_date" not in comparisons(YULEISY, elsewhere(birth_date=None))


def test_a_telephone_is_the_same_under_another_country() -> None:
    assert comparisons(YULEISY, elsewhere(phone="+583004815162"))["phone"] == "same"


# -- the score --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"documents": (), "phone": None},
        {"documents": (), "phone": "+573110000000", "family_names": "Urdaneta Guerrero"},
        {"birth_date": None, "documents": (), "given_names": "Yuleisy"},
        {"birth_date": None, "phone": None, "given_names": "Yuleisi", "family_names": "Guerrero"},
        {"documents": (("PT", "4815126"),), "birth_date": date(1991, 7, 1), "phone": None},
        {"birth_date": None, "age": 30, "documents": (), "phone": None},
        {"family_names": "Marcano", "phone": None},  # married: the document and the birth date remain
    ],
)
def test_one_person_written_down_otherwise_is_proposed(otherwise: dict[str, Any]) -> None:
    assert likeness(YULEISY, elsewhere(**otherwise)).is_proposed


@pytest.mark.parametrize(
    "otherwise",
    [
        {"given_names": "Mariángel", "documents": (("PT", "4815163"),)},  # a twin
        {"given_names": "Mariángel", "documents": ()},
        {"given_names": "Mariángel", "documents": (), "phone": None},
        {"given_names": "Yuleisy María", "birth_date": date(2014, 3, 2), "documents": ()},  # a daughter
        {"birth_date": None, "documents": (), "phone": None},  # nothing but names
        {"birth_date": date(1972, 3, 2), "documents": (), "phone": "+573110000000"},  # a namesake
        {"birth_date": date(1972, 3, 2), "documents": (("PT", "9925417"),)},
        {"given_names": "Ana", "family_names": "Marcano", "documents": (), "phone": None},  # born on the same day
    ],
)
def test_somebody_else_is_not_proposed(otherwise: dict[str, Any]) -> None:
    assert not likeness(YULEISY, elsewhere(**otherwise)).is_proposed


def test_names_alone_are_never_enough_however_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PEOPLE", 1)
    only_names = elsewhere(birth_date=None, documents=(), phone=None)
    assert likeness(YULEISY, only_names).score > 0.9
    assert not likeness(YULEISY, only_names).is_proposed


def test_comparing_does_not_depend_on_who_comes_first() -> None:
    other = elsewhere(given_names="Yuleisi", birth_date=None, age=30, documents=(("CE", "4815162"),))
    assert likeness(YULEISY, other) == likeness(other, YULEISY)


def test_the_reasons_are_codes_and_the_weightiest_comes_first() -> None:
    reasons = likeness(YULEISY, elsewhere(phone=None, family_names="Urdaneta Guerrero")).reasons
    assert all(abs(one.weight) >= abs(next_one.weight) for one, next_one in pairwise(reasons))
    assert all(reason.comparison in matching.CHANCES[reason.field] for reason in reasons)


def test_against_a_relative_shared_surnames_weigh_next_to_nothing() -> None:
    twin = likeness(YULEISY, elsewhere(given_names="Mariángel", documents=(("PT", "4815163"),)))
    stranger = likeness(YULEISY, elsewhere(phone=None, documents=(), birth_date=None))
    weights = [{reason.field: reason.weight for reason in one.reasons}["family_names"] for one in (twin, stranger)]
    assert weights[0] < 1 < 9 < weights[1]


@pytest.mark.parametrize("field", matching.CHANCES)
def test_the_chances_of_a_field_are_chances(field: str) -> None:
    groups = [
        [one for name, one in matching.CHANCES[field].items() if name.startswith("age") is ages] for ages in (0, 1)
    ]
    for group in filter(None, groups):
        assert all(0 < chance <= 1 for one in group for chance in one)
        for column in zip(*group, strict=True):
            assert sum(column) == pytest.approx(1, abs=0.03)


def test_a_registration_with_nothing_in_it_is_compared_and_found_by_nobody() -> None:
    nothing = Person(OTHER, "iom", REGISTERED)
    assert match_keys(read_traits(nothing)) == frozenset()
    assert not likeness(YULEISY, nothing).is_proposed


def test_whatever_stands_in_a_field_can_be_compared() -> None:
    rng = random.Random(7)  # noqa: S311
    alphabet = "aeiñÉzшض王😀'-. 0٣\u200d\ud7ff"
    for _ in range(500):
        words = ["".join(rng.choices(alphabet, k=rng.randint(1, 200))) for _ in range(3)]
        strange = elsewhere(given_names=words[0], family_names=words[1], documents=(("foreign_id", words[2]),))
        assert all(len(key) < 2_000 for key in match_keys(read_traits(strange)))
        assert 0 <= likeness(YULEISY, strange).score <= 1


def test_signs_that_are_read_as_many_letters_make_no_key_that_an_index_has_no_room_for() -> None:
    """PostgreSQL's B-tree refuses what is longer than 2,704 bytes, and with it everybody who waits to be compared."""
    longest = "".join(sorted(map(chr, range(0x1F300, 0x1F700)), key=lambda sign: -len(anyascii(sign)))[:200])
    strange = elsewhere(given_names=longest, family_names=longest, documents=(("foreign_id", longest),))
    assert len(anyascii(longest)) > 3_000
    assert all(len(key) < 500 for key in match_keys(read_traits(strange)))


def test_traits_never_show_in_print() -> None:
    assert "yuleisy" not in f"{read_traits(YULEISY)} {[read_traits(YULEISY)]!r}".lower()


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "otherwise",
    [
        {"given_names": "X", "family_names": "Y", "birth_date": None, "phone": None},  # the document
        {"given_names": "X", "family_names": "Y", "birth_date": None, "documents": ()},  # the telephone
        {"birth_date": None, "documents": (), "phone": None, "family_names": "Urdaneta Gerrero"},
        {"birth_date": date(1991, 7, 24), "documents": (), "phone": None, "family_names": "Y"},
        {"birth_date": date(1990, 7, 24), "documents": (), "phone": None, "family_names": "Urdaneta"},
        {
            "birth_date": date(1991, 5, 3),
            "documents": (),
            "phone": None,
            "given_names": "Andreina",
            "family_names": "Guerrero",
        },
        {"birth_date": None, "age": 31, "documents": (), "phone": None, "family_names": "Guerrero"},
    ],
)
def test_registrations_find_each_other_by_what_is_left(otherwise: dict[str, Any]) -> None:
    assert match_keys(read_traits(YULEISY)) & match_keys(read_traits(elsewhere(**otherwise)))


def test_day_and_month_in_any_order_are_one_key() -> None:
    one, other = replace(YULEISY, birth_date=date(1991, 7, 4)), elsewhere(birth_date=date(1991, 4, 7))
    born = [{key for key in match_keys(read_traits(who)) if key.startswith("born")} for who in (one, other)]
    assert born[0] == born[1] != set()


def test_strangers_have_no_key_in_common() -> None:
    stranger = Person(
        OTHER, "iom", REGISTERED, "Yuleisy", "Marcano", (("PT", "9925417"),), date(1972, 3, 2), phone="+573110000000"
    )
    assert not match_keys(read_traits(YULEISY)) & match_keys(read_traits(stranger))


# -- links ------------------------------------------------------------------------------------------------------------

A, B, C, D = (UUID(int=number) for number in range(1, 5))


def circle(
    *linked: tuple[UUID, UUID], rejected: tuple[tuple[UUID, UUID], ...] = (), people: Any = (A, B, C, D)
) -> Circle:
    return Circle(frozenset(people), frozenset(linked), frozenset(rejected))


def test_a_match_has_one_id_whoever_names_whom_first() -> None:
    assert match_id_of(pair_of(A, B)) == match_id_of(pair_of(B, A)) != match_id_of(pair_of(A, C))
    assert str(match_id_of(pair_of(B, A))) == "83eb9555-968b-5a52-abf5-91f9e1f0289a"


def test_whom_links_connect_is_one_person_under_the_least_id() -> None:
    persons = network_persons(circle((C, D), (A, C)))
    assert persons == [{A, C, D}, {B}]
    assert links.network_id_of(persons[0]) == A


def test_the_order_of_links_does_not_matter() -> None:
    rng = random.Random(3)  # noqa: S311
    people = [UUID(int=number) for number in range(30)]
    linked = [pair_of(*rng.sample(people, 2)) for _ in range(20)]
    expected = network_persons(circle(*linked, people=people))
    for _ in range(10):
        rng.shuffle(linked)
        assert network_persons(circle(*linked, people=people)) == expected
    assert sum(map(len, expected)) == 30


def test_a_link_names_the_person_it_makes_and_no_other() -> None:
    before = circle((A, B))
    assert newly_together(before, links.link(before, (B, C))) == [{A, B, C}]


def test_undoing_a_link_names_both_parts() -> None:
    before = circle((A, B), (B, C))
    assert newly_together(before, links.undo(before, (A, B))) == [{A}, {B, C}]


def test_undoing_a_link_that_others_make_up_for_changes_nobody() -> None:
    before = circle((A, B), (B, C), (A, C))
    assert newly_together(before, links.undo(before, (A, B))) == []


@pytest.mark.parametrize(
    ("decide", "before", "pair", "code"),
    [
        (links.link, circle((A, B)), (A, B), "already_linked"),
        (links.link, circle(rejected=((A, B),)), (A, B), "already_rejected"),
        (links.link, circle((B, C), rejected=((A, C),)), (A, B), "rejected_between"),
        (links.reject, circle(rejected=((A, B),)), (A, B), "already_rejected"),
        (links.reject, circle((A, B)), (A, B), "already_linked"),
        (links.reject, circle((A, B), (B, C)), (A, C), "already_linked"),
        (links.undo, circle((B, C)), (A, B), "not_decided"),
    ],
)
def test_what_contradicts_a_decision_is_refused(decide: Any, before: Circle, pair: Any, code: str) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        decide(before, pair)


def test_one_person_has_two_hundred_registrations_at_most() -> None:
    people = [UUID(int=number) for number in range(201)]
    chain = list(pairwise(people))
    all_but_one = circle(*chain[:-1], people=people)
    assert len(network_persons(all_but_one)[0]) == links.MOST_REGISTRATIONS
    with pytest.raises(Refused, match=r"^too_many_registrations$"):
        links.link(all_but_one, chain[-1])

"""Every value of every list of codes has words for people, in Spanish and in English; and nothing else has."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from enum import StrEnum
from functools import cache
from typing import Any, cast, get_args

import pytest

from contracts import NoWords, codes, label, schemas, words
from contracts.words import LANGUAGES, capital, catalogue
from services.intake.rules.matching import CHANCES
from services.referrals.rules.directory import Eligibility
from services.referrals.rules.eligibility import Seeker, check_eligibility
from services.referrals.rules.weights import WEIGHTS

Tables = dict[str, dict[str, dict[str, str]]]

ENUMS = [
    kind
    for kind in vars(codes).values()
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind.__module__ == codes.__name__
]
ASKS_EVERYTHING = Eligibility(18, 60, {"female"}, {"migrant"}, {"VEN"}, {"PT"}, {"08001"})
LENGTH = 60
ALIKE = {("Urgency", "normal"), ("ContactChannel", "whatsapp")}
"""What is the same word in both languages."""
ANY_LANGUAGE = "Language"
"""The one list whose values no code of ours knows."""


def named_in(schema: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The lists of codes in a schema, each with its values: an enum under its name, few values under their field's."""
    for name, part in schema.get("$defs", {}).items():
        if "enum" in part:
            yield name, part["enum"]

    def look(name: str, part: object) -> Iterator[tuple[str, list[str]]]:
        for each in part if isinstance(part, list) else ():
            yield from look(name, each)
        if isinstance(part, dict):
            if name and "enum" in part:
                yield name, part["enum"]
            for key, below in part.items():
                if key in {"properties", "$defs"}:
                    for field, kind in below.items():
                        yield from look(field if key == "properties" else "", kind)
                elif key in {"anyOf", "items"}:
                    yield from look(name, below)

    yield from look("", schema)


BEFORE_IT_GREW = {purpose.value for purpose in get_args(codes.PurposeV1)}
"""The purposes that released contracts have for good; their words are ConsentPurpose's."""


@cache  # not while the tests are collected: schemas take seconds to make
def demanded() -> dict[str, set[str]]:
    """The lists that have to have words, and their values, as the code has them."""
    criteria = check_eligibility(ASKS_EVERYTHING, Seeker("health.consultation", "normal", None)).unknown
    lists: dict[str, set[str]] = {
        **{kind.__name__: {code.value for code in kind} for kind in ENUMS},
        "MatchReason": {f"{field}.{comparison}" for field, of_it in CHANCES.items() for comparison in of_it},
        "SuggestionReason": {*WEIGHTS, "capacity_stale"},
        "SuggestionCriterion": {*criteria},
    }
    for schema in schemas.current_schemas().values():
        for name, values in named_in(schema):
            if (name, {*values}) != ("purposes", BEFORE_IT_GREW):
                lists.setdefault(name, set()).update(values)
    return lists


def faults(tables: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[str]:
    """What is wrong with the words, a line each: what is missing, what nobody asks for, what is no label."""
    found = [f"{name} has no words" for name in demanded().keys() - tables.keys()]
    found += [f"{name} is no list of codes" for name in tables.keys() - demanded().keys() - {ANY_LANGUAGE}]
    for name, table in tables.items():
        values = demanded().get(name, table.keys())
        found += [f"{name}.{value} has no words" for value in values - table.keys()]
        found += [f"{name}.{value} is no code" for value in table.keys() - values]
        for value, said in table.items():
            found += [f"{name}.{value} has no words in {one}" for one in LANGUAGES if not said.get(one)]
            found += [f"{name}.{value}: {text!r}: {why}" for text in said.values() for why in wrong_in(text)]
            if said.get("es") == said.get("en") and (name, value) not in ALIKE:
                found.append(f"{name}.{value} is the same in both languages")
        for language in LANGUAGES:
            texts = [capital(said.get(language, value)) for value, said in table.items()]
            found += [f"{name}: {text!r} is said of two" for text in {*texts} if texts.count(text) > 1]
    return sorted(found)


def wrong_in(text: str) -> Iterator[str]:
    if len(text) > LENGTH:
        yield "too long"
    if text != " ".join(text.split()) or not text.isprintable():
        yield "blanks"
    if text.endswith((".", ",", ";", ":")):
        yield "ends with a sign"
    if re.match("[A-ZÁÉÍÓÚÑ][a-záéíóúñ]+( [a-záéíóúñ]|$)", text) and text not in NAMES:
        yield "begins with a capital"


NAMES = {
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    *("Spanish", "English", "French", "Portuguese", "Wayuunaiki"),
    "Colombian identity card (CC)",
    "Colombian identity card of a minor (TI)",
    "Colombian identity card of a foreigner (CE)",
    "Colombian returnee",
    "Permiso por Protección Temporal (PPT)",
}


def test_every_value_of_every_list_has_words_and_nothing_else_has() -> None:
    assert faults(catalogue()) == []


def test_the_lists_are_those_of_the_contracts() -> None:
    travel = {name for schema in schemas.current_schemas().values() for name, _ in named_in(schema)}
    named = {kind.__name__ for kind in ENUMS}
    assert len(named) > 50
    assert {"days", "answered_by"} <= travel - named
    assert [name for name in travel - named if not name.islower()] == []  # an enum from elsewhere than codes.py


def _remove_a_value(tables: Tables) -> None:
    del tables["NeedCode"]["wash.water"]


def _remove_a_language(tables: Tables) -> None:
    del tables["ReferralState"]["sent"]["en"]


def _remove_a_list(tables: Tables) -> None:
    del tables["RightsKind"]


def _invent_a_value(tables: Tables) -> None:
    tables["NeedCode"]["wash.soap"] = {"es": "jabón", "en": "soap"}


def _invent_a_list(tables: Tables) -> None:
    tables["Mood"] = {"good": {"es": "bueno", "en": "good"}}


def _write_too_much(tables: Tables) -> None:
    tables["Sex"]["not_stated"]["es"] = "la persona prefiere no informar cuál es el sexo que declara tener"


def _say_two_alike(tables: Tables) -> None:
    tables["NeedCode"]["shelter.rent"]["es"] = "vivienda"


def _write_two_blanks(tables: Tables) -> None:
    tables["Outcome"]["need_met"]["es"] = "la  necesidad se atendió"


def _end_with_a_point(tables: Tables) -> None:
    tables["Outcome"]["need_met"]["en"] = "the need was met."


def _begin_with_a_capital(tables: Tables) -> None:
    tables["Outcome"]["need_met"]["es"] = "La necesidad se atendió"


def _leave_it_in_english(tables: Tables) -> None:
    tables["Accessibility"]["childcare"]["es"] = "childcare"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_remove_a_value, "NeedCode.wash.water has no words"),
        (_remove_a_language, "ReferralState.sent has no words in en"),
        (_remove_a_list, "RightsKind has no words"),
        (_invent_a_value, "NeedCode.wash.soap is no code"),
        (_invent_a_list, "Mood is no list of codes"),
        (_write_too_much, "too long"),
        (_say_two_alike, "NeedCode: 'Vivienda' is said of two"),
        (_write_two_blanks, "blanks"),
        (_end_with_a_point, "ends with a sign"),
        (_begin_with_a_capital, "begins with a capital"),
        (_leave_it_in_english, "Accessibility.childcare is the same in both languages"),
    ],
)
def test_a_planted_fault_is_found(damage: Callable[[Tables], None], fault: str) -> None:
    planted = cast(Tables, deepcopy(catalogue()))
    damage(planted)
    assert [found for found in faults(planted) if found.endswith(fault)]


def test_a_new_value_of_an_enum_asks_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demanded(), "ReferralState", {*codes.ReferralState, "forgotten"})
    assert faults(catalogue()) == ["ReferralState.forgotten has no words"]


def test_a_need_has_no_comma_for_lists_have_several_in_a_cell() -> None:
    for several in (codes.NeedCode, codes.EtpvStep):
        assert [label(code) for code in several if re.search("[,;|/]", label(code))] == []


def test_days_of_opening_hours_are_called_as_weekdays_are() -> None:
    assert "days" not in tomllib.loads(words.FILE.read_text())
    assert label("MO", of="days") == label(codes.Weekday.MONDAY) == "lunes"
    assert label("SU", "en", of="days") == "Sunday"


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_member_knows_its_list_and_a_plain_value_is_told_it() -> None:
    assert label(codes.ReferralState.SCHEDULED) == label("scheduled", of="ReferralState") == "con cita"
    assert label(codes.ReferralState.CLOSED, "en") == label("closed", "en", of="ReferralState") == "closed"
    assert label("closed", of="ReferralState") != label("closed", "en", of="ReferralState")


def test_a_line_begins_with_a_capital_and_keeps_the_others() -> None:
    assert capital(label(codes.EtpvStep.PPT_DENIED)) == "PPT negado"
    assert capital(label(codes.NeedCode.SHELTER_HOUSING)) == "Vivienda"
    assert capital("") == ""


@pytest.mark.parametrize("value", ["Yuleisy Quintero", "health.not_yet_named", "", "\0", "a" * 9999, "es"])
def test_nothing_of_an_unknown_value_is_repeated(value: str) -> None:
    with pytest.raises(NoWords) as caught:
        label(value, of="NeedCode")
    assert str(caught.value) == "NeedCode has no such value, or no words for it"


def test_there_is_no_other_list_and_no_third_language() -> None:
    with pytest.raises(ValueError, match="no list of codes 'Mood'"):
        label("good", of="Mood")
    with pytest.raises(ValueError, match="needs the name of its list"):
        label("sent")
    with pytest.raises(ValueError, match="no words in 'fr', but in es and en"):
        label(codes.ReferralState.SENT, "fr")

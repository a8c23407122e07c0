"""Every code by which something is refused, or waits, has words for people, in Spanish and in English; and no other."""

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from shutil import copytree

import pytest

from contracts import __main__ as command
from contracts import codes, explain, refusals
from contracts.words import LANGUAGES
from services.employment.rules import candidacies, entrepreneurs, participations
from services.events.rules import jornadas
from services.intake.rules import etpv
from tests import refusal_codes

FILE = tomllib.loads(refusals.FILE.read_text())
SERVICES = refusals.SPEAKERS[1:]
CHAPTERS = ("reading", "admission", "http", "service", "parked", "shared", *SERVICES)
ENTRIES = [(chapter, code) for chapter in CHAPTERS for code in FILE[chapter]]

FILLED_IN: dict[str, tuple[type[StrEnum], ...]] = {
    "referrals": (codes.ReferralState,),
    "intake": (etpv.Step,),
    "events": (jornadas.State,),
    "employment": (participations.State, candidacies.State, entrepreneurs.State),
}


def said_by(speaker: str, root: Path = refusal_codes.ROOT) -> set[str]:
    """The codes that a speaker says; of anybody, where it has no name."""
    if not speaker:
        return refusal_codes.of_anybody(root)
    return refusal_codes.of_gateway(root) if speaker == "gateway" else refusal_codes.of_service(speaker, root)


def without_words(speaker: str, root: Path = refusal_codes.ROOT) -> set[str]:
    """The codes that a speaker says and that have no words."""
    explained = {*refusals.spoken(speaker), *(FILE[speaker] if speaker in FILLED_IN else ())}
    shortened = {re.sub("<[a-z]+>", "<…>", code) for code in explained}
    general = refusals.spoken() if speaker == "gateway" else frozenset()  # what it has read, or knows from before
    return said_by(speaker, root) - shortened - general


def of_file(speaker: str) -> Iterator[str]:
    """The codes of the file's chapters that a speaker says."""
    own = {"": ("reading", "service", "parked"), "gateway": ("admission", "http")}.get(speaker, (speaker,))
    yield from (code for chapter in own for code in FILE[chapter])
    yield from (code for code, entry in FILE["shared"].items() if speaker in entry["by"])


@pytest.mark.parametrize("speaker", ["", *refusals.SPEAKERS], ids=lambda name: name or "anybody")
def test_every_code_that_can_be_said_has_words(speaker: str) -> None:
    assert without_words(speaker) == set()


@pytest.mark.parametrize("speaker", ["", *refusals.SPEAKERS], ids=lambda name: name or "anybody")
def test_no_words_are_of_a_code_that_nobody_says(speaker: str) -> None:
    said = said_by(speaker)
    begun = tuple(code.removesuffix("<…>") for code in said if code.endswith("<…>"))
    silent = {code for code in of_file(speaker) if code not in said and not (begun and code.startswith(begun))}
    assert silent == set()


PLANTED = {
    "services/intake/rules/people.py": ("intake", 'def check(): raise Refused("never_heard_of")'),
    "services/events/store/attendance.py": ("events", 'def find(): raise MissingPrerequisite("never_heard_of", "x")'),
    "services/referrals/rules/chains.py": ("referrals", 'def go(): raise Refused(f"never_heard_of_{state}")'),
    "services/employment/rules/employers.py": ("employment", "def check(code): raise Refused(code)"),
    "services/employment/service.py": ("employment", 'check_not_before(a, b, code="never_heard_of")'),
    "hub/reports/service.py": ("reports", 'raise Refused("struck" if late else "never_heard_of")'),
    "hub/gateway/admission.py": ("gateway", 'raise Refused("never_heard_of", "type")'),
    "hub/gateway/http/problems.py": ("gateway", 'raise Problem(422, "never_heard_of")'),
    "hub/gateway/http/strict.py": ("gateway", 'ANSWER = b\'{"status":400,"code":"never_heard_of"}\''),
    "hub/gateway/http/app.py": ("gateway", 'STATUS = {"never_heard_of": 409}'),
    "hub/gateway/http/messages.py": ("gateway", 'code = "never_heard_of" if late else "not_json"'),
    "hub/gateway/http/keys.py": ("gateway", 'STATUS = dict.fromkeys(("never_heard_of",), 403)'),
    "hub/gateway/http/limits.py": ("gateway", 'raise Problem(status=429, code="never_heard_of")'),
    "messaging/runtime.py": ("", 'self._refuse(outcome, one, "never_heard_of")'),
    "messaging/inbox.py": ("", "PUT = \"update parked set reason = 'never_heard_of'\""),
    "contracts/reading.py": ("", 'raise Invalid("never_heard_of")'),
}


@pytest.mark.parametrize("file", PLANTED)
def test_a_planted_code_without_words_is_found(file: str, tmp_path: Path) -> None:
    speaker, line = PLANTED[file]
    for folder in ("services", "hub", "messaging", "contracts"):
        copytree(refusal_codes.ROOT / folder, tmp_path / folder, ignore=lambda at, names: {"schemas", "examples"})
    assert without_words(speaker, tmp_path) == set()
    (tmp_path / file).parent.mkdir(exist_ok=True)
    with (tmp_path / file).open("a") as code:
        code.write(f"\n{line}\n")
    found = without_words(speaker, tmp_path)
    assert any("never_heard_of" in one or ":" in one for one in found)


@pytest.mark.parametrize("chapter", FILLED_IN)
def test_every_state_and_step_has_a_word_to_fill_in(chapter: str) -> None:
    assert set(refusals.filled_in(chapter)) == {str(one) for kind in FILLED_IN[chapter] for one in kind}


def test_what_is_filled_in_stands_once() -> None:
    assert FILE["words"].keys() <= FILLED_IN.keys()


def test_the_states_that_partners_are_told_are_explained() -> None:
    for state in codes.ReferralState:
        for code in (f"not_while_{state}", f"already_{state}"):
            assert refusals.find(code, "referrals"), code


# -- the words themselves ----------------------------------------------------------------------------------------------

SENTENCES = re.compile(r"[A-ZÁÉÍÓÚÑ0-9][^`|<>\n]*[.]")
FAMILIAR = re.compile(r"\b(tú|tu|tus|ti|contigo|vos|puedes|tienes|debes|quieres|ustedes)\b", re.IGNORECASE)


@pytest.mark.parametrize(("chapter", "code"), ENTRIES)
def test_words_are_one_or_two_plain_sentences_in_each_language(chapter: str, code: str) -> None:
    entry = FILE[chapter][code]
    assert entry.keys() <= {"es", "en", "note", "by"}
    assert ("by" in entry) == (chapter == "shared")
    assert set(entry.get("by", ())) <= set(refusals.SPEAKERS)
    assert len(entry.get("by", "ab")) > 1
    for language in LANGUAGES:
        assert 1 <= len(entry[language]) <= 2
        for text in entry[language]:
            assert SENTENCES.fullmatch(text), text
            assert len(text) <= 200, text
            assert text == " ".join(text.split())
    assert len(entry["es"]) == len(entry["en"])  # who is told what to do is told it in both
    assert all(one != other for one, other in zip(entry["es"], entry["en"], strict=True))
    assert not FAMILIAR.search(" ".join(entry["es"]))


@pytest.mark.parametrize(("chapter", "code"), ENTRIES)
def test_nothing_is_filled_in_but_the_word_of_a_state_or_a_step(chapter: str, code: str) -> None:
    places = set(re.findall("<([a-z]+)>", code))
    for language in LANGUAGES:
        assert set(re.findall(r"\{(.*?)\}", " ".join(FILE[chapter][code][language]))) == places <= {"state", "step"}


@pytest.mark.parametrize(
    "code",
    ["Yuleisy Quintero", "not_while_Yuleisy", "not_while_", "{state}", "not_while_<state>", "", "\0", "a" * 999],
)
@pytest.mark.parametrize("by", [None, "referrals", "Yuleisy", "americares.events"])
def test_nothing_of_an_unknown_code_is_repeated(code: str, by: str | None) -> None:
    for language in LANGUAGES:
        assert explain(code, by, language) == " ".join(FILE["general"]["unknown"][language])


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_code_means_what_it_means_where_it_is_said() -> None:
    texts = {explain("not_yours", one) for one in ("gateway", "referrals", "events", "reports")}
    assert len(texts) == 4
    assert "jornada" in explain("not_yours", "events")


def test_where_nobody_is_named_all_that_a_code_may_mean_is_said_and_by_whom() -> None:
    every = explain("not_yours")
    for one in ("gateway", "referrals", "events", "reports"):
        assert f"{one}: {explain('not_yours', one)}" in every
    assert explain("not_yours", "americares.events") == every
    assert explain("zone_unknown") == explain("zone_unknown", "events")


@pytest.mark.parametrize("by", [None, *refusals.SPEAKERS])
def test_what_anybody_says_is_explained_whoever_says_it(by: str | None) -> None:
    assert explain("id_reused", by) == " ".join(FILE["service"]["id_reused"]["es"])


def test_a_code_that_stands_for_several_is_explained_with_the_state() -> None:
    assert "con cita" in explain("not_while_scheduled", "referrals")
    assert "«PPT negado»" in explain("not_after_ppt_denied", "intake")
    assert "scheduled" in explain("already_scheduled", "referrals", "en")
    assert explain("already_planned", "events") == " ".join(FILE["events"]["already_planned"]["es"])


def test_of_what_waits_nobody_is_told_to_send_it_again() -> None:
    matter, remedy = FILE["intake"]["person_unknown"]["es"]
    assert explain("person_unknown", "intake") == f"{matter} {remedy}"
    assert explain("person_unknown", "intake", waits=True) == f"{FILE['general']['waits']['es'][0]} {matter}"
    for code in FILE["parked"]:
        assert explain(code, "intake", waits=True) == explain(code, "intake")


def test_there_is_no_third_language() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        explain("not_yours", "events", "fr")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["zone_unknown", "--by", "events"], explain("zone_unknown", "events")),
        (["zone_unknown", "--by", "events", "--language", "en"], explain("zone_unknown", "events", "en")),
        (["id_reused"], explain("id_reused")),
        (["already_enrolled"], f"employment: {explain('already_enrolled')}"),
        (["zone_unknown"], f"referrals, events, employment, reports: {explain('zone_unknown')}"),
    ],
)
def test_the_command_line_explains_a_code(
    arguments: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["explain", *arguments]) == 0
    assert capsys.readouterr().out == f"{printed}\n"


def test_the_command_line_has_a_line_for_each_who_means_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["explain", "superseded"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["referrals", "intake, employment", "events"]


def test_the_command_line_says_that_nobody_has_such_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["explain", "never_heard_of", "--by", "intake"]) == 1
    assert capsys.readouterr().out == "no refusal has the code 'never_heard_of' by intake\n"


def test_the_command_line_says_which_codes_are_like_a_mistyped_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["explain", "id_reuse"]) == 1
    assert capsys.readouterr().out.endswith("; is it id_reused?\n")

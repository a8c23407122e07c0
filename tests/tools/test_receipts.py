"""The receipt of a consent that a person takes home: plain words, a code to withdraw by, and nothing of the person."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import codes, label
from messaging import topology
from tools.receipts.__main__ import main
from tools.receipts.page import all_strings, qr_text, receipt_page

EXAMPLES = Path(contracts.__file__).parent / "examples" / "consent.receipt_issued.v1"
NAMES = {"redcross": "Cruz Roja Colombiana", "americares": "Americares <b>& Cía</b>"}
PERSON_ID, CASE_CODE = "019a0000-0000-7000-8000-000000000003", "GBV-0001"


def receipt(example: str = "ok-until-it-is-withdrawn", **overrides: Any) -> contracts.ConsentReceiptIssued:
    message = json.loads((EXAMPLES / f"{example}.json").read_text())
    message["data"] |= overrides
    data = contracts.upcast(contracts.parse(json.dumps(message).encode())).data
    assert isinstance(data, contracts.ConsentReceiptIssued)
    return data


class Page(HTMLParser):
    """What a page shows, and which elements it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "path"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def languages(self) -> list[str | None]:
        return [attributes["lang"] for tag, attributes in self.elements if tag == "article"]


def test_it_says_who_may_use_which_data_for_what_and_until_when_in_plain_words() -> None:
    shown = Page(receipt_page(receipt(), names=NAMES)).text
    for words in (
        "Usted autorizó a Cruz Roja Colombiana",
        "Americares <b>& Cía</b>",
        "Pedir ayuda a otra organización",
        "Nombre, fecha de nacimiento, sexo y género",
        "hasta que usted la retire",
        "de palabra y ante un testigo el 2 de marzo de 2026",
        "Cómo retirarla",
        "7K3M-Q0ZB-4WTH",
    ):
        assert words in shown


def test_a_consent_until_a_day_says_the_day_as_it_is_in_colombia() -> None:
    shown = Page(receipt_page(receipt(valid_until="2027-03-02T03:00:00Z"), names=NAMES)).text
    assert "hasta el 1 de marzo de 2027" in shown


def test_it_is_in_spanish_and_in_the_language_it_was_explained_in_where_we_have_that() -> None:
    def languages(language: str) -> list[str | None]:
        return Page(receipt_page(receipt(language=language), names=NAMES)).languages()

    assert languages("es") == ["es"]
    assert languages("en") == ["es", "en"]
    assert languages("guc") == ["es"]


def test_a_caregiver_reads_that_it_is_about_the_child() -> None:
    shown = Page(receipt_page(receipt("ok-by-a-caregiver-until-a-day"), names=NAMES)).text
    assert "los datos de la persona menor de edad a su cuidado" in shown
    assert "the data of the child in your care" in shown


@pytest.mark.parametrize("example", ["ok-until-it-is-withdrawn", "ok-of-a-confidential-case"])
def test_neither_the_page_nor_its_qr_code_says_whose_it_is(example: str) -> None:
    said = receipt(example)
    page = receipt_page(said, names=NAMES)
    assert [secret for secret in (PERSON_ID, CASE_CODE) if secret in page + qr_text(said)] == []
    assert qr_text(said) == f"ruta:consent:{said.consent_id}:{said.receipt_code}"


def test_whoever_hears_the_code_of_the_page_can_withdraw_by_it() -> None:
    said = receipt()
    withdrawn = json.loads(
        (EXAMPLES.parent / "consent.withdrawn_by_receipt.v1" / "ok-at-another-organisation.json").read_text()
    )
    (withdrawn["data"]["receipt_code"],) = re.findall(r"<b>(.*?)</b>", receipt_page(said, names={}))
    assert contracts.parse(json.dumps(withdrawn).encode()).data.receipt_code == said.receipt_code


def test_the_page_needs_nothing_from_anywhere_and_runs_nothing() -> None:
    page = receipt_page(receipt("ok-by-a-caregiver-until-a-day"), names=NAMES)
    made_of = Page(page)
    tags = {tag for tag, _ in made_of.elements}
    assert [tag for tag, _ in made_of.elements].count("svg") == 2
    assert tags & {"script", "link", "img", "iframe", "object"} == set()
    assert [name for _, attributes in made_of.elements for name in attributes if name in ("src", "href")] == []
    assert re.findall(r"url\(|@import|//(?!www\.w3\.org)", page) == []


def test_that_whoever_coordinates_sees_the_name_is_one_sentence_of_receipts_that_allow_it_and_of_no_other() -> None:
    said = receipt()
    purposes = (*said.purposes, codes.ConsentPurpose.COORDINATE)
    shown = Page(receipt_page(said.model_copy(update={"purposes": purposes, "language": "en"}), names=NAMES)).text
    without = Page(receipt_page(said.model_copy(update={"language": "en"}), names=NAMES)).text
    for language in ("es", "en"):
        sentence = all_strings()[language]["coordinated"]
        assert (shown.count(sentence), without.count(sentence), sentence.count(".")) == (1, 0, 1)


def test_every_language_has_words_for_everything() -> None:
    spoken = all_strings()
    assert {"es", "en"} <= spoken.keys()
    for language, words in spoken.items():
        assert words.keys() == spoken["es"].keys()
        for named in (codes.ConsentPurpose, codes.FieldGroup, codes.ConsentManner):
            assert all(label(code, language) for code in named)


def test_the_command_prints_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    directory = tmp_path / "directory.json"
    directory.write_text(json.dumps({"organisations": {"redcross": {"name": "Cruz Roja Colombiana"}}}))
    assert main([str(EXAMPLES / "ok-until-it-is-withdrawn.json"), "--directory", str(directory)]) == 0
    assert "Cruz Roja Colombiana" in Page(capsys.readouterr().out).text


def test_without_a_directory_the_command_calls_organisations_what_the_network_file_calls_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("RUTA_DIRECTORY_FILE", "RUTA_NETWORK_FILE"):
        monkeypatch.delenv(variable, raising=False)
    example = EXAMPLES / "ok-until-it-is-withdrawn.json"
    said = json.loads(example.read_text())["data"]
    declared = topology.read().organisations
    named = [declared[one].name for one in (said["granted_to"], *said["recipients"])]
    assert main([str(example)]) == 0
    shown = Page(capsys.readouterr().out).text
    assert [name for name in named if name not in shown] == []


@pytest.mark.parametrize("content", [None, "", "organisations = 1", "[organisations.redcross]\nroles = []"])
def test_a_network_file_that_cannot_be_read_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "network.toml"
    if content is not None:
        file.write_text(content)
    monkeypatch.delenv("RUTA_DIRECTORY_FILE", raising=False)
    monkeypatch.setenv("RUTA_NETWORK_FILE", str(file))
    assert main([str(EXAMPLES / "ok-until-it-is-withdrawn.json")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r".*network file.*--directory.*\n", printed.err)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"organisations": []}', '{"organisations": {"redcross": {"name": 1}}}', "[" * 100_000, "\0"],
)
def test_a_directory_that_is_none_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    file = tmp_path / "directory.json"
    file.write_text(content)
    assert main([str(EXAMPLES / "ok-until-it-is-withdrawn.json"), "--directory", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r".*is no directory of organisations\n", printed.err)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"Yuleisy", "is no message: not_json"),
        ((EXAMPLES.parent / "consent.ended.v1" / "ok-withdrawn.json").read_bytes(), "is not the receipt of a consent"),
    ],
)
def test_the_command_says_in_a_line_what_is_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "message.json").write_bytes(content)
    assert main([str(tmp_path / "message.json")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(rf".*{re.escape(why)}.*\n", printed.err)

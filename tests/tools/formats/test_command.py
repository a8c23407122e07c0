"""Whoever tries a translation gets JSON, or one sentence and exit status 1."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import contracts
from tools.formats.__main__ import main

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
CONSENT = "01950000-0000-7000-8000-000000000002"
CASE = {
    "id": "437189fc-cd1c-46ee-8d56-2891fc736050",
    "module_id": "primeromodule-cp",
    "registration_date": "2026-03-01",
    "name_first": "Yuleisy",
    "consent_for_services": True,
    "disclosure_other_orgs": True,
    "services_section": [
        {
            "unique_id": "one",
            "service_type": "food_service",
            "service_response_day_time": "2026-03-02",
            "service_implementing_agency": "agency-oim",
            "service_status_referred": True,
        }
    ],
}
WORDS = """
[agencies]
agency-oim = "iom"
[services.iom]
"food_security.food_basket" = "01950000-0000-7000-8000-000000000003"
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    """What a command prints, as JSON."""
    assert main([str(one) for one in arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out)


def fail(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one sentence of a command that does not succeed."""
    assert main([str(one) for one in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (sentence,) = printed.err.splitlines()
    return sentence


@pytest.mark.parametrize(
    "example",
    ["referral.requested.v2/ok-a-child-with-everything", "referral.scheduled.v1/ok-with-directions"],
)
def test_what_goes_to_fhir_comes_from_it(capsys: pytest.CaptureFixture[str], tmp_path: Path, example: str) -> None:
    sent = (EXAMPLES / f"{example}.json").read_bytes()
    written = tmp_path / "fhir.json"
    written.write_text(json.dumps(run(capsys, "fhir-to", EXAMPLES / f"{example}.json")))
    (said,) = run(capsys, "fhir-from", written)
    assert contracts.parse(json.dumps({**json.loads(sent), **said}).encode()) == contracts.parse(sent)


def test_an_offer_and_its_latest_status_are_one_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    offer = EXAMPLES / "referral.offered.v1" / "ok-to-the-recipient.json"
    bundle = run(capsys, "fhir-to", offer, "--status", EXAMPLES / "referral.status.v1" / "ok-accepted.json")
    assert [entry["resource"]["status"] for entry in bundle["entry"]] == ["active", "accepted"]


def test_a_status_is_a_task_and_primeros_calls(capsys: pytest.CaptureFixture[str]) -> None:
    closed = EXAMPLES / "referral.status.v1" / "ok-closed.json"
    assert run(capsys, "fhir-to", closed)["resourceType"] == "Task"
    calls = run(capsys, "primero-to", closed, "--standing", "in_progress")
    assert [call["body"]["data"]["status"] for call in calls] == ["accepted", "done"]


def test_a_case_is_drafts_with_what_is_to_be_sealed_to_whom(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    case, words = tmp_path / "case.json", tmp_path / "strings.toml"
    case.write_text(json.dumps({"data": CASE}))
    words.write_text(WORDS)
    drafts = run(capsys, "primero-from", case, "--consent", CONSENT, "--words", words)
    assert [draft["type"] for draft in drafts] == [
        "person.registered.v1",
        "need.identified.v1",
        "referral.requested.v2",
    ]
    assert [draft.get("seal", {}).get("to") for draft in drafts] == ["hub", None, "iom"]


def test_without_a_file_it_reads_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (EXAMPLES / "referral.status.v1" / "ok-accepted.json").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(example)))
    assert run(capsys, "fhir-to")["status"] == "accepted"


@pytest.mark.parametrize(
    ("content", "command", "sentence"),
    [
        (b"Yuleisy", ["fhir-from"], "This cannot be translated: not_json."),
        (b"[]", ["fhir-from"], "This cannot be translated: not_an_object."),
        (b"\xff{}", ["fhir-from"], "This cannot be translated: not_json."),
        (b"{" + b" " * 1024 * 1024, ["fhir-from"], "This cannot be translated: too_large."),
        (b'{"a":' * 10_000, ["fhir-from"], "This cannot be translated: not_json."),
        (b'{"a":' * 40 + b"1" + b"}" * 40, ["fhir-from"], "This cannot be translated: too_deep."),
        (b'{"\\u0000":1}', ["fhir-from"], "This cannot be translated: nul_character."),
        (b"{}", ["fhir-from"], "This cannot be translated: not_fhir at Bundle.resourceType."),
        (b"{}", ["fhir-to"], "This cannot be translated: not_cloudevents at specversion."),
        (b"{}", ["primero-to", "--standing", "accepted"], "This cannot be translated: not_cloudevents at specversion."),
        (
            json.dumps(CASE).encode(),
            ["primero-from", "--consent", CONSENT],
            "This cannot be translated: unknown_code at services_section.0.service_implementing_agency.",
        ),
    ],
)
def test_what_cannot_be_translated_ends_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, command: list[str], sentence: str
) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)
    name, *options = command
    assert fail(capsys, name, file, *options) == sentence


def test_messages_that_the_other_side_has_nothing_for_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    published = EXAMPLES / "consent.granted.v1" / "ok-by-the-person.json"
    status = EXAMPLES / "referral.status.v1" / "ok-accepted.json"
    request = EXAMPLES / "referral.requested.v2" / "ok-least.json"
    assert "no_such_thing_in_fhir" in fail(capsys, "fhir-to", published)
    assert "not_a_status" in fail(capsys, "primero-to", published, "--standing", "accepted")
    assert "not_a_status" in fail(capsys, "fhir-to", request, "--status", request)
    assert "unknown_code" in fail(capsys, "primero-to", status, "--standing", "open")


def test_a_file_that_is_not_there_and_words_that_are_none_are_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert (
        fail(capsys, "fhir-from", tmp_path / "none")
        == f"The file {tmp_path / 'none'} cannot be read: No such file or directory."
    )
    words = tmp_path / "strings.toml"
    words.write_text("= Yuleisy")
    case = tmp_path / "case.json"
    case.write_text(json.dumps(CASE))
    sentence = fail(capsys, "primero-from", case, "--consent", CONSENT, "--words", words)
    assert sentence == "This cannot be translated: not_toml."


def test_a_command_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fhir-form" in fail(capsys, "fhir-form")
    assert "--consent" in fail(capsys, "primero-from")

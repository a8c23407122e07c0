"""Whoever tries a translation gets JSON and what was left out, or a sentence for each fault and exit status 1."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import contracts
from tools.formats.__main__ import main
from tools.formats.reading import MAX_FAULTS
from tools.formats.refusals import REFUSALS

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "contracts" / "examples"
CONSENT = "01950000-0000-7000-8000-000000000002"
SERVICE = {
    "unique_id": "one",
    "service_type": "food_service",
    "service_response_day_time": "2026-03-02",
    "service_implementing_agency": "agency-oim",
    "service_status_referred": True,
}
CASE = {
    "id": "437189fc-cd1c-46ee-8d56-2891fc736050",
    "module_id": "primeromodule-cp",
    "registration_date": "2026-03-01",
    "name_first": "Yuleisy",
    "age": 34,
    "consent_for_services": True,
    "disclosure_other_orgs": True,
    "services_section": [SERVICE],
}
WORDS = """
[agencies]
agency-oim = "iom"
[services.iom]
"food_security.food_basket" = "01950000-0000-7000-8000-000000000003"
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path, dropped: list[str] | None = None) -> Any:
    """What a command prints, as JSON; and what it names as dropped."""
    assert main([str(one) for one in arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == "".join(f"Dropped: {where}.\n" for where in dropped or [])
    return json.loads(printed.out)


def fail(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one sentence of a command that does not succeed."""
    (sentence,) = faults(capsys, *arguments)
    return sentence


def faults(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[str]:
    """The sentences of a command that does not succeed."""
    assert main([str(one) for one in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


OF_THE_ENVELOPE = {
    "referral.requested.v2/ok-a-child-with-everything": [
        *("ServiceRequest.category", "ServiceRequest.occurrenceDateTime.extension", "ServiceRequest.authoredOn"),
        *("ServiceRequest.requester", "Task.identifier", "Task.authoredOn", "Task.requester"),
    ],
    "referral.scheduled.v1/ok-with-directions": [
        *("Task.identifier", "Task.for", "Task.authoredOn.extension", "Task.lastModified", "Task.requester"),
        "Task.owner",
    ],
}


@pytest.mark.parametrize("example", OF_THE_ENVELOPE)
def test_what_goes_to_fhir_comes_from_it(capsys: pytest.CaptureFixture[str], tmp_path: Path, example: str) -> None:
    sent = (EXAMPLES / f"{example}.json").read_bytes()
    written = tmp_path / "fhir.json"
    written.write_text(json.dumps(run(capsys, "fhir-to", EXAMPLES / f"{example}.json")))
    (said,) = run(capsys, "fhir-from", written, dropped=OF_THE_ENVELOPE[example])
    assert contracts.parse(json.dumps({**json.loads(sent), **said}).encode()) == contracts.parse(sent)


def test_an_offer_and_its_latest_status_are_one_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    offer = EXAMPLES / "referral.offered.v1" / "ok-to-the-recipient.json"
    bundle = run(capsys, "fhir-to", offer, "--status", EXAMPLES / "referral.status.v1" / "ok-accepted.json")
    assert [entry["resource"]["status"] for entry in bundle["entry"]] == ["active", "accepted"]


def test_a_status_is_a_task_and_primeros_calls(capsys: pytest.CaptureFixture[str]) -> None:
    closed = EXAMPLES / "referral.status.v1" / "ok-closed.json"
    assert run(capsys, "fhir-to", closed)["resourceType"] == "Task"
    for version in ([], ["--version", "success_status"]):
        calls = run(capsys, "primero-to", closed, "--standing", "in_progress", *version)
        assert [call["body"]["data"]["status"] for call in calls] == ["accepted", "done"]
        assert ("success_status" in calls[1]["body"]["data"]) is bool(version)


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
        (b"Yuleisy", ["fhir-from"], "not_json"),
        (b"[]", ["fhir-from"], "not_an_object"),
        (b"\xff{}", ["fhir-from"], "not_json"),
        (b'{"a":"\\ud800"}', ["fhir-from"], "not_json"),
        (b'{"a":NaN}', ["fhir-from"], "not_json"),
        (b'{"a":1e999}', ["fhir-from"], "not_json"),
        (b'{"a":1,"a":1}', ["fhir-from"], "repeated_name"),
        (b'{"resourceType":"Task","focus":{"reference":"a","reference":"b"}}', ["fhir-from"], "repeated_name"),
        (b'{"\\u0000":1}', ["fhir-from"], "nul_character"),
        (b"{}", ["fhir-from"], "not_fhir at resourceType"),
        (b'{"resourceType":"Patient"}', ["fhir-from"], "unexpected_resource at resourceType"),
        (b"{}", ["fhir-to"], "not_cloudevents at specversion"),
        (b"{}", ["primero-to", "--standing", "accepted"], "not_cloudevents at specversion"),
        (b'{"data":[]}', ["primero-from", "--consent", CONSENT], "several_cases at data"),
        (
            json.dumps(CASE).encode(),
            ["primero-from", "--consent", CONSENT],
            "unknown_code at services_section.0.service_implementing_agency",
        ),
    ],
)
def test_what_cannot_be_translated_ends_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, command: list[str], sentence: str
) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)
    name, *options = command
    code = sentence.split()[0]
    why = f" ({REFUSALS[code]})" if code in REFUSALS else ""  # a message of ours has codes of its own
    assert fail(capsys, name, file, *options) == f"This cannot be translated: {sentence}{why}."


def test_all_faults_are_told_at_once_a_line_each(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "document"
    file.write_text(json.dumps({**CASE, "id": "Yuleisy", "age": "4815162", "status": "closed"}))
    told = faults(capsys, "primero-from", file, "--consent", CONSENT)
    assert [line.removeprefix("This cannot be translated: ").partition(" (")[0] for line in told] == [
        "not_active at status",
        "invalid_field at id",
        "invalid_field at age",
        "unknown_code at services_section.0.service_implementing_agency",
    ]
    assert "Yuleisy" not in str(told)


def test_what_is_left_out_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    case, words = tmp_path / "case.json", tmp_path / "strings.toml"
    case.write_text(json.dumps({"data": {**CASE, "sex": "Yuleisy", "owned_by": "primero_cp", "4815162": 1}}))
    words.write_text(WORDS)
    named = ["sex", "owned_by", "?"]
    run(capsys, "primero-from", case, "--consent", CONSENT, "--words", words, dropped=named)


# -- what is hostile or huge ------------------------------------------------------------------------------------------

MIB = 1024 * 1024


def filled(before: bytes, one: bytes, after: bytes) -> bytes:
    """A document that is as long as it may be, of one thing over and over."""
    return before + b",".join([one] * ((MIB - len(before) - len(after)) // (len(one) + 1))) + after


HUGE: dict[str, tuple[bytes, str]] = {
    "longer_than_it_may_be": (b"{" + b" " * MIB, "too_large"),
    "deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
    "deep_and_unfinished": (b'{"a":' * 10_000, "too_deep"),
    "deep_lists": (b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}", "too_deep"),
    "a_little_too_deep": (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
    "objects": (filled(b'{"resourceType":"Bundle","entry":[', b"{}", b"]}"), "too_large"),
    "numbers": (filled(b'{"resourceType":"Task","output":[', b"1", b"]}"), "too_large"),
    "fields": (b"{" + b",".join(b'"a%d":1' % number for number in range(80_000)) + b"}", "too_large"),
    "one_number": (b'{"age":' + b"9" * 1_000_000 + b"}", "not_json"),
    "one_name": (b'{"' + b"a" * 1_000_000 + b'":1}', "resourceType"),
    "as_many_identifiers_as_there_may_be": (
        b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Organization",'
        b'"identifier":[' + b",".join([b'{"use":1}'] * 4_900) + b"]}}]}",
        "not_fhir",
    ),
    "as_many_entries_as_there_may_be": (
        b'{"resourceType":"Bundle","type":"collection","entry":['
        + b",".join([b'{"resource":{"resourceType":"Task"}}'] * 3_200) + b"]}",
        "not_fhir",
    ),
}  # fmt: skip


CHILD = {key: value for key, value in CASE.items() if key not in ("age", "services_section")} | {
    "date_of_birth": "2015-03-03"
}


def service(number: int, **more: object) -> dict[str, object]:
    return {**SERVICE, "unique_id": str(number), **more}


HUGE_CASES: dict[str, dict[str, object]] = {
    "services": {**CASE, "services_section": [service(number) for number in range(1600)]},
    "services_of_a_child_and_those_who_take_care": {
        **CHILD,
        "services_section": [service(number) for number in range(700)],
        "care_arrangements_section": [
            {"name_caregiver": "Rosa", "care_arrangement_started_date": f"{year}-01-01"} for year in range(1000, 2500)
        ],
    },
    "services_in_confidence_and_nationalities": {
        **CASE,
        "module_id": "primeromodule-gbv",
        "nationality": [str(number) for number in range(4000)],
        "telephone_current": "3004815162",
        "services_section": [
            service(number, referral_follow_up_contact_who="contact_the_person_being_referred_directly")
            for number in range(700)
        ],
    },
    "fields": {**CASE, **{f"field_{number}": number for number in range(9_000)}},
    "services_of_one_id": {**CASE, "services_section": [service(1, n=number) for number in range(1400)]},
}


@pytest.mark.parametrize("name", HUGE_CASES)
def test_a_huge_case_is_read_or_refused_within_two_seconds_and_200_megabytes(name: str, tmp_path: Path) -> None:
    file, words = tmp_path / "document", tmp_path / "strings.toml"
    file.write_text(json.dumps(HUGE_CASES[name]))
    assert file.stat().st_size <= MIB
    words.write_text(WORDS)
    measured(["primero-from", str(file), "--consent", CONSENT, "--words", str(words)])


# The kernel's own figure of a child begins with its parent's: what the suite itself uses would be measured.
MEASURED = """
import atexit, re, sys
from pathlib import Path
said = Path("/proc/self/status")
atexit.register(lambda: print(re.search(r"VmHWM:\\s+([0-9]+) kB", said.read_text())[1], file=sys.stderr))
from tools.formats.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


def used_by(command: Sequence[str]) -> tuple[int, float]:
    """Run a command in a process of its own; return its exit status and its seconds."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", MEASURED, *command],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), **os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert int(said.splitlines()[-1]) < 200 * 1024  # KiB
    return process.returncode, used.ru_utime + used.ru_stime


@cache
def start_of(*command: str) -> float:
    """The seconds that a command takes for nothing."""
    return used_by(command)[1]


def measured(command: list[str]) -> int:
    """Run a command that may cost little besides the start of its process; return its exit status.

    Counted are seconds of the processor, whoever else is busy: at a quiet moment it is a fifth of this.
    """
    status, seconds = used_by(command)
    assert seconds - start_of(command[0], os.devnull, *command[2:4]) < 2
    return status


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("command", [["fhir-from"], ["primero-from", "--consent", CONSENT]])
def test_what_is_hostile_or_huge_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, command: list[str]
) -> None:
    content, expected = HUGE[name]
    file = tmp_path / "document"
    file.write_bytes(content)
    told = faults(capsys, command[0], file, *command[1:])
    assert 1 <= len(told) <= MAX_FAULTS
    assert max(map(len, told)) < 300
    if command[0] == "fhir-from" or expected in ("too_large", "too_deep", "not_json"):
        assert expected in told[0]


@pytest.mark.parametrize(
    "name", ["objects", "deep_lists", "as_many_identifiers_as_there_may_be", "as_many_entries_as_there_may_be"]
)
def test_what_is_hostile_or_huge_costs_two_seconds_and_200_megabytes_at_most(name: str, tmp_path: Path) -> None:
    file = tmp_path / "document"
    file.write_bytes(HUGE[name][0])
    assert measured(["fhir-from", str(file)]) == 1


def test_messages_that_the_other_side_has_nothing_for_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    published = EXAMPLES / "consent.granted.v1" / "ok-by-the-person.json"
    status = EXAMPLES / "referral.status.v1" / "ok-accepted.json"
    request = EXAMPLES / "referral.requested.v2" / "ok-least.json"
    assert "no_such_thing_in_fhir" in fail(capsys, "fhir-to", published)
    assert "not_a_status" in fail(capsys, "primero-to", published, "--standing", "accepted")
    assert "not_a_status" in fail(capsys, "fhir-to", request, "--status", request)
    assert "unknown_code" in fail(capsys, "primero-to", status, "--standing", "open")


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert (
        fail(capsys, "fhir-from", tmp_path / "none")
        == f"The file {tmp_path / 'none'} cannot be read: No such file or directory."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"= Yuleisy", "not_toml at words (it is no TOML in UTF-8)"),
        (b"\xff", "not_toml at words (it is no TOML in UTF-8)"),
        (b"a = " + b"[" * 100_000, "not_toml at words (it is no TOML in UTF-8)"),
        (b"#" * (1024 * 1024 + 1), "too_large at words (a document has at most 1 MiB, and at most 10,000 values)"),
        (b"agencies = 1", "invalid_field at words.agencies (it is not what its contract takes)"),
    ],
)
def test_words_that_are_none_are_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, sentence: str
) -> None:
    words, case = tmp_path / "strings.toml", tmp_path / "case.json"
    words.write_bytes(content)
    case.write_text(json.dumps(CASE))
    told = fail(capsys, "primero-from", case, "--consent", CONSENT, "--words", words)
    assert told == f"This cannot be translated: {sentence}."


def test_a_command_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fhir-form" in fail(capsys, "fhir-form")
    assert "--consent" in fail(capsys, "primero-from")

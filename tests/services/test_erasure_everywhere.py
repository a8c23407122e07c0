"""An erased person is nowhere: every table, whatever is sealed, the logs and the reports are searched for them."""

import io
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, uuid7
from deploy.local import Stack
from hub.gateway import erasing, keeping
from hub.reports import report, writing
from messaging import clock, database, erasure
from messaging.log import JsonLines
from services.intake import service as intake_service
from services.intake.store import erasure as intake_erasure
from services.intake.store import matching
from tests.examples import (
    DAY,
    NOW,
    PERSON_ID,
    REFERRAL_ID,
    consent_granted,
    need_identified,
    person_registered,
    referral_requested,
    say,
    service_published,
)
from tests.examples_employment import agreement_signed, employer_registered, participation_started, service_received
from tests.examples_events import (
    attendance_recorded,
    jornada_confirmed,
    jornada_held,
    jornada_planned,
    jornada_reported,
    partner_confirmed,
)
from tests.examples_intake import (
    BATCH_ID,
    CHILD,
    CHILD_ID,
    coordination_allowed,
    etpv_step_taken,
    household_recorded,
    need_referred,
    need_triaged,
    person_named,
)
from tests.examples_rights import rights_answered, rights_requested
from tests.examples_route import route_opened
from tests.services.network import WholeNetwork

CENTRE, REDCROSS, IOM, FUVADIS, OPPORTUNITIES = "barranquilla", "redcross", "iom", "fuvadis", "oportunidades"

# Nobody else has these words. What is left out are codes of few values, such as the sex: they are not anybody's.
FIRST = {
    "given_names": "Zulmarixa Qorvelle",
    "family_names": "Xandoquint Brezhuvia",
    "documents": [{"type": "PT", "number": "QX77310495"}, {"type": "PA", "number": "ZW60481937"}],
    "birth_date": "1959-11-23",
    "sex": "female",
    "nationality": "QZV",
    "profile": "migrant",
    "phone": "+573997310495",
    "email": "zulmarixa.qorvelle@example.org",
    "language": "qzx",
    "contact_channel": "whatsapp",
    "address": "Vereda Quimbolandia, casa 7731",
    "place": "99731",
    "caregiver": {"name": "Ondrixia Vlachopuente", "relation": "other_relative", "phone": "+573996048193"},
    "notes": "Tiene una cicatriz de Wurzelbaum en la ceja.",
}
CORRECTED = FIRST | {
    "given_names": "Zulmarixia Qorvellina",
    "documents": [{"type": "PT", "number": "QX77310499"}, {"type": "PA", "number": "ZW60481937"}],
    "phone": "+573997310499",
    "notes": "Vino con Plutarcovich.",
}
SEALED_NOTE = {"text": "Llamarla por Hexquilombia, la vecina."}
NAME = {"given_names": "Thessalvina", "family_names": "Kroumbazel"}  # as who coordinates is told it
EVIDENCE, VULNERABILITY = "7e57ab1e" * 8, "only_she_is_so_vulnerable"
WORDS = {
    "Zulmarixa", "Qorvelle", "Xandoquint", "Brezhuvia", "QX77310495", "ZW60481937", "1959-11-23", "QZV",
    "3997310495", "qzx", "Quimbolandia", "99731", "Ondrixia", "Vlachopuente", "3996048193", "Wurzelbaum",
    "Zulmarixia", "Qorvellina", "QX77310499", "3997310499", "Plutarcovich", "Hexquilombia", "Thessalvina",
    "Kroumbazel", EVIDENCE, VULNERABILITY,
}  # fmt: skip
SHORT = 5  # characters
BLOCK = re.compile(contracts.fields.SEALED_PATTERN.strip("^$"))

ELSEWHERE_ID, WORK_NEED, WORK_REFERRAL, WORK_SERVICE, NAMING_CONSENT = (uuid7() for _ in range(5))


@dataclass
class Story:
    """The network before and after the erasure, and what was logged meanwhile."""

    network: WholeNetwork
    keys: Mapping[str, sealing.Key]
    log: io.StringIO
    found_before: dict[str, set[str]] = field(default_factory=dict)
    counted_before: dict[str, int] = field(default_factory=dict)
    reports_before: dict[str, Any] = field(default_factory=dict)


@contextmanager
def told(stack: Stack, name: str) -> Iterator[Story]:
    """The whole network, in which the person has come by every way there is."""
    keys = {name: sealing.new_key() for name in ("hub", CENTRE, REDCROSS, IOM, FUVADIS, OPPORTUNITIES)}
    public = {name: sealing.public_part(key) for name, key in keys.items() if name != "hub"}
    with (
        pytest.MonkeyPatch.context() as patched,
        closing(WholeNetwork(stack, name, hosted=(CENTRE, REDCROSS, IOM))) as network,
        logged() as lines,
    ):
        patched.setattr(clock, "now", lambda: NOW)
        patched.setattr(intake_service, "hub_key", lambda: keys["hub"])
        patched.setattr(intake_service, "receipt_secret", lambda: b"a secret of the tests")
        patched.setattr(intake_service, "public_keys", lambda: public)
        tell_the_story(network, keys)
        yield Story(network, keys, lines)


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, as the processes write it."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines("services"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture(scope="module")
def erased(stack: Stack) -> Iterator[Story]:
    """The story, and after it the erasure."""
    with told(stack, "erased") as story:
        network = story.network
        story.found_before = search_databases(network, story.keys)
        story.counted_before, story.reports_before = counted(network), reports(network)
        erase(network)
        yield story


def tell_the_story(network: WholeNetwork, keys: Mapping[str, sealing.Key]) -> None:
    """Registration, correction, household, route, consents, needs, referrals, a jornada, work, a match, what failed."""
    hub = sealing.public_part(keys["hub"])
    network.says(IOM, service_published())
    work: dict[str, Any] = {"service_id": WORK_SERVICE, "need_codes": ("integration.employment",), "answered_by": "hub"}
    network.says(OPPORTUNITIES, service_published(**work))
    network.says(
        REDCROSS,
        person_registered(hub, person=FIRST, registered_at=NOW - 2 * DAY),
        person_registered(hub, person=CORRECTED, registered_at=NOW - DAY),
        person_registered(hub, person=CHILD, person_id=CHILD_ID),
        household_recorded(),
        route_opened(),
        need_identified(),
        need_triaged(vulnerabilities=(VULNERABILITY,)),
        need_identified(need_id=WORK_NEED, need_code="integration.employment"),
        consent_granted(
            recipients=(IOM, OPPORTUNITIES),
            field_groups=tuple(codes.FieldGroup),
            language="qzx",
            evidence_sha256=EVIDENCE,
        ),
        etpv_step_taken(taken_at=datetime(2022, 5, 5, 15, tzinfo=NOW.tzinfo), jornada_id=None),
        contracts.NeedsReferred(
            batch_id=BATCH_ID,
            referrals=(
                need_referred(),
                need_referred(
                    referral_id=WORK_REFERRAL, need_id=WORK_NEED, recipient=OPPORTUNITIES, service_id=WORK_SERVICE
                ),
            ),
        ),
    )
    name = sealing.seal(NAME, sealing.public_part(keys[CENTRE]))
    network.says(
        REDCROSS,
        coordination_allowed(consent_id=NAMING_CONSENT, recipients=(CENTRE,)),
        person_named(consent_id=NAMING_CONSENT, recipient=CENTRE, sealed=name),
    )
    about: dict[str, Any] = {"referral_id": REFERRAL_ID}
    network.says(
        IOM,
        contracts.ReferralReceived(**about),
        contracts.ReferralInfoRequested(
            **about,
            topic=codes.InfoTopic.DOCUMENTS,
            sealed=sealing.seal(SEALED_NOTE, sealing.public_part(keys[REDCROSS])),
        ),
    )
    answer = sealing.seal(SEALED_NOTE, sealing.public_part(keys[IOM]))
    network.says(REDCROSS, contracts.ReferralInfoProvided(**about, sealed=answer))
    network.says(
        IOM,
        contracts.ReferralAccepted(**about),
        contracts.ReferralCompleted(**about, outcome=codes.Outcome.NEED_MET),
    )
    network.says(REDCROSS, contracts.ReferralClosed(**about, outcome=codes.Outcome.NEED_MET))

    # The same person elsewhere, and a coordinator who sees that.
    network.says(IOM, person_registered(hub, person=FIRST, person_id=ELSEWHERE_ID))
    network.tick()
    (proposed,) = [one.data for one in network.inboxes[CENTRE] if isinstance(one.data, contracts.MatchProposed)]
    network.says(CENTRE, contracts.MatchLinked(match_id=proposed.match_id, person_ids=proposed.person_ids))

    # At a jornada, with details of its own, and in the employment pilot.
    network.says(REDCROSS, jornada_planned(kind=codes.JornadaKind.ETPV_REGISTRATION))
    network.says(IOM, partner_confirmed())
    network.says(REDCROSS, jornada_confirmed(), jornada_held())
    came = {"sealed": sealing.seal(CORRECTED, hub), "consent": None, "needs": ()}
    network.says(REDCROSS, attendance_recorded(**came), jornada_reported())
    served = service_received(delivered_at=NOW)
    network.says(CENTRE, employer_registered(), agreement_signed(), participation_started(), served)

    # What went wrong: no handler, an id used twice, bytes that are no message, and what waits for a consent.
    stray = say(person_registered(hub, person=FIRST), source=REDCROSS)
    for service in ("employment", "reports"):
        network.hand_over(service, stray.to_json())
    once = say(person_registered(hub, person=FIRST, registered_at=NOW - 3 * DAY), source=REDCROSS)
    twice = once.model_copy(update={"time": NOW - DAY})
    network.hand_over("intake", once.to_json(), twice.to_json())
    network.hand_over("events", json.dumps({"person_id": str(PERSON_ID).upper(), "said": FIRST}).encode())
    sealed = sealing.seal(FIRST, sealing.public_part(keys[IOM]))
    network.says(REDCROSS, referral_requested(referral_id=uuid7(), consent_id=uuid7(), sealed=sealed))


def erase(network: WholeNetwork) -> None:
    """The person asks a third organisation; one that registered them grants it, and a coordinator for the others; then
    the time passes that it takes."""
    network.says(FUVADIS, rights_requested(kind=codes.RightsKind.ERASURE))
    network.says(IOM, rights_answered())
    network.says(CENTRE, rights_answered())
    let_what_waits_end(network)
    for _ in range(2):  # what has come to its end meanwhile is looked at again
        network.tick()
        network.keep_house()


def let_what_waits_end(network: WholeNetwork) -> None:
    """Let the hour pass after which what waits is refused."""
    for node in network.nodes.values():
        node.execute(END_THE_WAIT)


END_THE_WAIT = """
    update parked set parked_at = parked_at - interval '2 hours', next_attempt_at = '-infinity' where state = 'waiting'
"""


# -- searching --------------------------------------------------------------------------------------------------------


def found_in(text: str, keys: Mapping[str, sealing.Key]) -> set[str]:
    """The person's words in a text, and in every sealed block that anybody's key opens in it."""
    texts = [text, *(opened(block, keys) for block in BLOCK.findall(text))]
    return {word for word in WORDS for one in texts if stands_in(word, one)}


def stands_in(word: str, text: str) -> bool:
    """Whether a word is in a text; a short one only by itself, for any five digits may be part of a time or an id."""
    if len(word) <= SHORT:
        return text == word or f'"{word}"' in text
    return word.casefold() in text.casefold()


def opened(block: str, keys: Mapping[str, sealing.Key]) -> str:
    for key in keys.values():
        try:
            return json.dumps(sealing.open_sealed(block, key), ensure_ascii=False)
        except sealing.SealingError:
            continue
    raise AssertionError("a block of the story that no key opens")


def as_text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", errors="replace")
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)


def search_databases(network: WholeNetwork, keys: Mapping[str, sealing.Key]) -> dict[str, set[str]]:
    """Where in the databases the person's words stand: service, table and column."""
    found: dict[str, set[str]] = {}
    for name, node in network.databases().items():
        for table, rows in node.tables():
            if table == "municipality":
                continue  # the country's, whoever lives there
            for row in rows:
                for column, value in row.items():
                    if words := found_in(as_text(value), keys):
                        found.setdefault(f"{name}.{table}.{column}", set()).update(words)
    return found


REPORTS: dict[str, Callable[[database.Connection], Any]] = {
    "accountability": lambda connection: report.accountability(connection).sheet(),
    "5w": report.who_does_what,
    "partners": report.partner_performance,
    "unmet-needs": report.needs_unmet,
}


def reports(network: WholeNetwork) -> dict[str, Any]:
    with database.connect(network.nodes["reports"].url) as connection:
        return {name: make(connection) for name, make in REPORTS.items()}


def counted(network: WholeNetwork) -> dict[str, int]:
    """How many rows there are of what is counted, in every service."""
    return {
        f"{name}.{table}": len(rows)
        for name, node in network.nodes.items()
        for table, rows in node.tables()
        if table in COUNTED[name]
    }


COUNTED = {
    "intake": {"person", "consent", "need", "etpv_step", "route", "household", "network_person", "need_referral"},
    "referrals": {"referral", "consent"},
    "events": {"jornada", "attendance"},
    "employment": {"participation", "delivery", "employer"},
    "reports": {
        "person", "network_identity", "etpv_step", "jornada", "attendance", "delivery", "need", "referral", "employer",
        "participation", "route",
    },
    "console": {"referral", "consent"},
}  # fmt: skip


# -- the promise ------------------------------------------------------------------------------------------------------

# Where the person stands before, so that the search proves that it finds them there.
EVERYWHERE = {
    "intake.person", "intake.document", "intake.match_key", "intake.consent", "intake.need", "intake.parked",
    "intake.outbox", "referrals.referral", "referrals.parked", "referrals.outbox", "events.outbox", "events.parked",
    "employment.parked", "reports.parked", "gateway.delivery", "gateway.outbox",
    "console.sealed_block",
}  # fmt: skip


def test_the_search_finds_every_word_of_the_person_before(erased: Story) -> None:
    assert set().union(*erased.found_before.values()) == WORDS
    assert {place.rpartition(".")[0] for place in erased.found_before} >= EVERYWHERE


def test_no_table_of_any_database_holds_a_word_of_the_erased_person(erased: Story) -> None:
    assert search_databases(erased.network, erased.keys) == {}


def test_no_log_and_no_report_holds_one(erased: Story) -> None:
    assert "quarantined" in erased.log.getvalue()
    assert found_in(erased.log.getvalue(), erased.keys) == set()
    for sheet in reports(erased.network).values():
        for write in writing.FORMATS.values():
            assert found_in(unpacked(write(sheet)), erased.keys) == set()


def test_every_count_stays(erased: Story) -> None:
    assert all(erased.counted_before.values())
    assert counted(erased.network) == erased.counted_before
    before, after = erased.reports_before, reports(erased.network)
    for name in ("accountability", "5w", "partners"):
        assert after[name].rows == before[name].rows, name
    # What was open about the person has stopped: the need is no longer under way, and nobody meets it any more.
    assert [row[:-2] for row in after["unmet-needs"].rows] == [row[:-2] for row in before["unmet-needs"].rows]
    figures = {row[0]: row[1:] for row in erased.reports_before["accountability"].rows}
    for label in ("People in the employment pilot", "People registered for the Statute as of 2022"):  # none is vacuous
        assert 1 in figures[label]


def test_whoever_holds_something_is_asked_to_erase_it_under_the_id_they_know(erased: Story) -> None:
    asked = {
        (name, one.data.person_id, one.data.erase_by)
        for name, inbox in erased.network.inboxes.items()
        for one in inbox
        if isinstance(one.data, contracts.PersonErasureAsked)
    }
    by = date(2026, 3, 24)
    assert asked == {
        *((name, PERSON_ID, by) for name in (CENTRE, REDCROSS, IOM, OPPORTUNITIES, FUVADIS)),
        (IOM, ELSEWHERE_ID, by),
    }


def test_what_was_quarantined_stays_visible_without_its_bytes(erased: Story) -> None:
    left = {name: node.query("select state, reason from parked") for name, node in erased.network.nodes.items()}
    emptied = {"state": "quarantined", "reason": "erased"}
    assert left["intake"] == left["events"] == left["employment"] == left["reports"] == [emptied]
    assert left["referrals"] == []  # what waited was refused, and its sender knows
    inbox = erased.network.inboxes[REDCROSS]
    assert "consent_unknown" in [one.data.code for one in inbox if isinstance(one.data, contracts.MessageRefused)]


def test_the_name_for_who_coordinates_is_in_all_that_carried_it_before_and_is_not_kept_when_it_comes_late(
    erased: Story,
) -> None:
    carried = {place for place, words in erased.found_before.items() if words & set(NAME.values())}
    assert carried >= {"gateway.outbox.body", "intake.outbox.body", "gateway.delivery.body", "console.sealed_block.jwe"}
    (brought,) = (one for one in erased.network.inboxes[CENTRE] if isinstance(one.data, contracts.PersonNameBrought))
    erased.network.bring(CENTRE, brought.model_copy(update={"id": uuid7()}).to_json())
    assert search_databases(erased.network, erased.keys) == {}


# -- planted faults ---------------------------------------------------------------------------------------------------

LEFT_OUT = {
    "delete from document": "intake.document.number",
    "update consent": "intake.consent.evidence_sha256",
    "update need": "intake.need.vulnerabilities",
}


def test_each_part_of_the_erasure_that_is_left_out_is_found(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [one for one in intake_erasure.ERASE if not any(left_out in one for left_out in LEFT_OUT)]
    assert len(kept) == len(intake_erasure.ERASE) - len(LEFT_OUT)
    monkeypatch.setattr(intake_erasure, "ERASE", kept)
    monkeypatch.setattr(matching, "FORGET_KEYS", "select %s::uuid")
    monkeypatch.setattr(erasure, "REMOVE_PUBLISHED", "select 1")
    monkeypatch.setattr(erasure, "EMPTY_PARKED", "select 1")
    monkeypatch.setattr(erasing, "EMPTY", "select %s::uuid[]")
    monkeypatch.setitem(keeping.STEPS, "submitted bodies", "select 1")
    with told(stack, "half_erased") as story:
        for trigger in ("person_is_forgotten on person_key", "names_end_with_consent on consent"):
            story.network.nodes["console"].execute(f"drop trigger {trigger}")
        erase(story.network)
        assert search_databases(story.network, story.keys).keys() >= {
            *LEFT_OUT.values(),
            "intake.match_key.key",
            "gateway.delivery.body",
            "gateway.outbox.body",
            "console.sealed_block.jwe",
            *(f"{name}.outbox.body" for name in ("intake", "referrals", "events")),
            *(f"{name}.parked.raw" for name in ("intake", "events", "employment", "reports")),
        }


def unpacked(export: bytes) -> str:
    """An export as text: a workbook is a zip of texts."""
    if export[:2] != b"PK":
        return export.decode()
    with zipfile.ZipFile(io.BytesIO(export)) as workbook:
        return "".join(workbook.read(name).decode() for name in workbook.namelist())

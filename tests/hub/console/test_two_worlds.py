"""Two worlds that differ in confidential cases alone: every page of everybody, and what it reads, is the same."""

import contextlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

import contracts
from bench.console import statements
from contracts import codes
from contracts.codes import ReferralEvent, ReferralState, ReminderAbout
from hub.console.store.work import Bucket
from hub.console.web import app, listing, searching
from hub.console.web.case import path_of
from hub.console.web.permissions import Role, may_come
from messaging import clock
from tests.examples_reports import an_id, consent_recorded, in_need, noted, referred, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, TOKEN, Answer, Browser, Console, Running

CONFIDENTIAL: dict[str, Any] = {"confidential": True, "person_id": None, "need_id": None}
HIDDEN, GBV, SEEN = an_id("hidden"), an_id("gbv"), an_id("seen")
DAY = timedelta(days=1)
# The number of a page, and in an address of a request; a form's id.
ONE_ANOTHER = re.compile(r'[0-9a-f]{32}(?=<)|(?<=respuesta%3D)[0-9a-f]{32}|(?<=name="formulario" value=")[^"]*')
"""What is another each time that a page is made."""
LEFT = re.compile(r"^\d+(?=;url=)")  # seconds until the session is locked
OF_CASES = re.compile(r"\b(referral|step|event|escalation|purge_asked|call_back|consent|triage|link)\b")  # tables
GROWS = {"audit"}
"""It tells what this test has asked for so far: another thing each time."""
GROWS_OF_SEEN = {"looks"}
"""So does this, of the case that everybody may see."""
Said = tuple[int, list[tuple[str, str]], Any]


@dataclass(frozen=True)
class Everything:
    """What was answered, by who asked for what; and how each statement about cases has read its tables, in order."""

    answers: dict[str, Said]
    readings: list[tuple[str, list[statements.Reading]]]


@dataclass
class World:
    """Everybody's browsers, the read service, and a clock that stands still."""

    console: Console
    service: Kept
    browsers: dict[str, tuple[Role, Browser]]

    def paths(self) -> list[tuple[str, str]]:
        """Every page, by its name, and each list by each of its filters."""
        found = []
        for screen in app.all_screens(self.console.settings):
            if screen.get is None or screen.name in GROWS:
                continue
            for id in (HIDDEN, GBV, SEEN):
                if id == SEEN and screen.name in GROWS_OF_SEEN:
                    continue
                path = re.sub(r"\{\w+:uuid\}", str(id), screen.path).replace("{name}", "note_added")
                found.append((screen.name, path.replace("{organisation}", "iom").replace("{language}", "es")))
        for bucket in Bucket:
            found += [("work", f"/hoy/{bucket}"), ("work_file", f"/hoy/{bucket}/lista.xlsx")]
        for name, path in (("referrals", listing.PATH), ("referrals_file", f"{listing.PATH}.xlsx")):
            for state in (codes.ReferralState.RECEIVED, codes.ReferralState.DECLINED):
                found.append((name, f"{path}?{urlencode({listing.STATE: state})}"))
            for need in ("gbv.clinical_care", "health.consultation"):
                found.append((name, f"{path}?{urlencode({listing.NEED: need})}"))
            for part in listing.PARTS:
                found.append((name, f"{path}?{urlencode({listing.PART: part})}"))
        return [*dict.fromkeys(found)]

    def everything(self) -> Everything:
        """What everybody is answered to everything, and which rows that takes."""
        found = {}
        with statements.recorded() as asked:
            for who, (role, browser) in self.browsers.items():
                for name, path in self.paths():
                    if not path.startswith("/static") and may_come(name, [role]):
                        found[f"{who} {path}"] = said(browser.get(path))
                if may_come("found", [role]):
                    for typed in (contracts.short_code(HIDDEN), str(GBV)):
                        browser.get("/buscar")
                        found[f"{who} looks for {typed}"] = said(browser.send(searching.FOUND, q=typed))
                    browser.get("/")
                    found[f"{who} opens"] = said(browser.send(f"{path_of(HIDDEN)}/persona"))
        return Everything(found, self._readings(asked))

    def _readings(self, asked: Sequence[statements.Statement]) -> list[tuple[str, list[statements.Reading]]]:
        with psycopg.connect(self.console.url, options=app.OPTIONS) as connection:
            found = [(one.text, statements.readings(connection, one)) for one in asked if OF_CASES.search(one.text)]
            connection.rollback()
        return found


def said(answer: Answer) -> Said:
    """All of an answer but for what is another each time."""
    headers = [(name, LEFT.sub("", value)) for name, value in answer.headers if name != "x-request-id"]
    if answer.body[:2] != b"PK":
        return answer.status, headers, ONE_ANOTHER.sub("", TOKEN.sub("", answer.text))
    headers = [header for header in headers if header[0] != "content-length"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as file:  # but for when it was written
        return answer.status, headers, {name: file.read(name) for name in file.namelist() if "core" not in name}


@pytest.fixture(scope="module")
def world(console: Console, running: Running) -> Iterator[World]:
    stood = clock.now()
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(Kept(console.url)) as service:
        console.host(CENTRE)
        console.host("iom")
        browsers = {}
        for organisation in ("redcross", "iom"):
            browsers[organisation] = (Role.PARTNER_STAFF, Browser(running))
        for role in (Role.COORDINATOR, Role.AUDITOR, Role.ADMINISTRATOR):
            browsers[role.value] = (role, Browser(running))
        for who, (role, browser) in browsers.items():
            organisation = CENTRE if role is not Role.PARTNER_STAFF else who
            console.enrol(browser, f"worlds.{who}", role, organisation=organisation)
        patch.setattr(clock, "now", lambda: stood)
        service.hear(*of_a_case("seen", person_id=an_id("somebody"), need_id=an_id("a need")))
        yield World(console, service, browsers)


def of_a_case(name: str, need: str = "health.consultation", **said: Any) -> list[Any]:
    """What the hub says of a case that waits, is late, and of which a coordinator was told."""
    at = clock.now() - 2 * DAY
    more: dict[str, Any] = {"sender": "redcross", "recipient": "iom", "changed_at": at, "sent_at": at, **said}
    if not more.get("confidential") and need != "gbv.clinical_care":
        more |= {"waits_for": ReminderAbout.DECISION, "due_at": at + DAY}
    facts = [says(referred(name, ReferralState.RECEIVED, need=need, referral_id=an_id(name), **more), time=at)]
    if said.get("person_id"):
        facts.append(says(noted("x", referral_id=an_id(name), noted_at=at + DAY)))
    return facts


def hidden() -> list[Any]:
    """All that the hub says of confidential cases: one under a code, one whose need says it."""
    consent_id = an_id(("consent", "hidden"))
    at = clock.now() - DAY
    ended = contracts.ConsentEnded(
        consent_id=consent_id, reason=codes.ConsentEnd.WITHDRAWN, ended_at=at, confidential=True
    )
    return [
        *of_a_case("hidden", **CONFIDENTIAL),
        *of_a_case("gbv", need="gbv.clinical_care", person_id=None, need_id=None),
        *(says(noted("x", what, referral_id=HIDDEN, noted_at=at, confidential=True))
          for what in (ReferralEvent.ESCALATED, ReferralEvent.REMINDED, ReferralEvent.PURGE_OWED)),
        says(in_need("hidden", need_code="gbv.clinical_care", need_id=an_id("hidden need"), person_id=None)),
        says(consent_recorded("hidden", person_id=None, case_code="GBV-0001")),
        says(contracts.ConsentSuspended(consent_id=consent_id, suspended_at=at, confidential=True)),
        says(ended),
    ]  # fmt: skip


def test_with_and_without_confidential_cases_everything_is_the_same(world: World) -> None:
    world.everything()  # whoever has opened what, has from here on
    before = world.everything()
    assert before.readings
    assert {f"coordinator {path_of(HIDDEN)}", f"iom {listing.PATH}.xlsx", "redcross /hoy"} <= before.answers.keys()
    world.service.hear(*hidden())
    after = world.everything()
    assert before.answers.keys() == after.answers.keys()
    for what, answer in before.answers.items():
        assert after.answers[what] == answer, what
    assert after.readings == before.readings


def test_one_more_case_that_is_not_confidential_is_seen_there(world: World) -> None:
    """Or else the test above would see nothing, either."""
    before = world.everything()
    world.service.hear(*of_a_case("another", person_id=an_id("another"), need_id=an_id("its need")))
    after = world.everything()
    changed = {what for what, answer in before.answers.items() if after.answers[what] != answer}
    for who in ("redcross", "iom", "coordinator", "auditor"):
        assert {f"{who} {listing.PATH}", f"{who} {listing.PATH}.xlsx"} <= changed
    assert {"coordinator /hoy", "coordinator /hoy/escalated", "iom /hoy/overdue/lista.xlsx"} <= changed
    assert "administrator /" not in changed
    assert after.readings != before.readings

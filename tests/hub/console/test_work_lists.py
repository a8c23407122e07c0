"""Each reason of Hoy whole: what is counted, what is listed page after page, and the file are the same rows, always."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

import contracts
from contracts.codes import NoteKind, ReferralState, ReminderAbout
from hub.console.store.work import OF_COORDINATORS, Bucket
from hub.console.web import today, worklist
from messaging import clock
from messaging.believing import COLOMBIA
from tests.examples_reports import an_id, noted, referred, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Running

STATE = ReferralState
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODE = re.compile(r'class="code-word">([0-9A-Z]{4}-[0-9A-Z]{4})<')
COUNTED = re.compile(r'<h[12] id="(\w+)">[^<]*\((\d+)\)')
NEXT = re.compile(r'href="(/hoy/\w+\?[^"]*despues[^"]*)"')
COORDINATOR, IOM, REDCROSS = "coordinator", "iom", "redcross"
FACTS: Mapping[str, Mapping[str, Any]] = {
    "to decide": {"state": STATE.SENT, "waits_for": ReminderAbout.RECEIPT, "due_in": 30 * HOUR},
    "to decide too": {"state": STATE.RECEIVED, "waits_for": ReminderAbout.DECISION, "due_in": 54 * HOUR},
    "at the same moment": {"state": STATE.RECEIVED, "waits_for": ReminderAbout.DECISION, "due_in": 54 * HOUR},
    "told before deadlines were": {"state": STATE.RECEIVED},
    "told before them, too": {"state": STATE.SENT},
    "asked": {"state": STATE.INFO_REQUESTED, "waits_for": ReminderAbout.ANSWER, "due_in": 30 * HOUR},
    "visit": {"state": STATE.SCHEDULED, "visit_in": 30 * HOUR},
    "done": {"state": STATE.COMPLETED, "waits_for": ReminderAbout.OUTCOME, "due_in": 54 * HOUR},
    "to cancel": {"state": STATE.CANCEL_REQUESTED, "waits_for": ReminderAbout.CANCELLATION, "due_in": 30 * DAY},
    "to cancel, late": {"state": STATE.CANCEL_REQUESTED},
    "to delete": {"state": STATE.CONSENT_WITHDRAWN},
    "of others": {
        "state": STATE.RECEIVED, "waits_for": ReminderAbout.DECISION, "due_in": 30 * HOUR, "sender": "americares",
        "recipient": "fuvadis",
    },
}  # fmt: skip


@dataclass
class Desks:
    """Somebody at IOM, at the Red Cross, and who coordinates; and the clock that their pages go by."""

    console: Console
    browsers: Mapping[str, Browser]
    move_to: Callable[[datetime], None]
    noon: datetime

    def counted(self, who: str, path: str = "/hoy") -> dict[str, int]:
        """How many Hoy says of each reason."""
        return {bucket: int(many) for bucket, many in COUNTED.findall(self.browsers[who].get(path).text)}

    def listed(self, who: str, path: str) -> list[str]:
        """The codes on all pages of a list, in their order."""
        found: list[str] = []
        while path:
            answer = self.browsers[who].get(path)
            assert answer.status == 200, path
            found += CODE.findall(answer.text)
            more = NEXT.search(answer.text)
            path = more[1].replace("&amp;", "&") if more else ""
        return found

    def filed(self, who: str, path: str) -> list[str]:
        """The codes in a file, in their order."""
        sheet = load_workbook(io.BytesIO(self.browsers[who].get(path).body)).active
        assert sheet is not None
        return [str(row[0].value) for row in sheet.iter_rows(min_row=2)]

    def buckets(self, who: str, *, mine: bool = False) -> dict[str, list[str]]:
        """What stands in each reason; the page of Hoy, its lists, and its files say the same."""
        counted = self.counted(who, today.path_of(None, mine))
        found = {}
        for bucket in Bucket:
            if bucket in OF_COORDINATORS and who != COORDINATOR:
                continue
            found[bucket.value] = self.listed(who, today.path_of(bucket, mine))
            assert len(found[bucket]) == counted.get(bucket, 0) == len({*found[bucket]}), bucket
            assert self.filed(who, today.path_of(bucket, mine, to=today.FILE)) == found[bucket], bucket
            assert self.counted(who, today.path_of(bucket, mine)) == {bucket.value: len(found[bucket])}
        return {bucket: codes for bucket, codes in found.items() if codes}


@pytest.fixture(scope="module")
def desks(console: Console, running: Running) -> Iterator[Desks]:
    noon = clock.now().replace(hour=17, minute=0, second=0, microsecond=0)  # in Colombia
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(Kept(console.url)) as service:
        service.hear(*(fact for name, said in FACTS.items() for fact in of(name, noon, **said)))
        call: dict[str, Any] = {
            "note_kind": NoteKind.CALL,
            "call_back_at": noon + 30 * HOUR,
            "addressees": ("redcross",),
        }
        service.hear(
            says(noted("e", referral_id=an_id("of others"), noted_at=noon)),
            says(noted("p", "purge_owed", "consent_withdrawn", referral_id=an_id("to delete"), noted_at=noon,
                       awaited=("iom",), waits_for=ReminderAbout.PURGE, purge_by=noon + 2 * DAY)),
            says(noted("n", "note_added", referral_id=an_id("done"), noted_at=noon, noted_by="iom", **call)),
        )  # fmt: skip
        browsers = {who: Browser(running) for who in (IOM, REDCROSS, COORDINATOR)}
        for who, browser in browsers.items():
            role, organisation = (who, CENTRE) if who == COORDINATOR else ("partner_staff", who)
            console.enrol(browser, f"lists.{who}", role, organisation=organisation)
        for name in ("to decide", "told before deadlines were", "visit", "to delete"):
            console.query(
                "insert into assignment (organisation, referral_id, staff, since)"
                " select 'iom', %s, code, now() from staff where login = 'lists.iom'", an_id(name),
            )  # fmt: skip
        patch.setattr(worklist, "AT_ONCE", 1)
        yield Desks(console, browsers, lambda now: patch.setattr(clock, "now", lambda: now), noon)


def of(name: str, noon: datetime, state: ReferralState, **said: Any) -> list[Any]:
    """A referral from the Red Cross to IOM that is in a state since noon."""
    due_in, visit_in = said.pop("due_in", None), said.pop("visit_in", None)
    fact = referred(
        name, state, **{"referral_id": an_id(name), "sender": "redcross", "recipient": "iom", "changed_at": noon,
                        "sent_at": noon, "due_at": due_in and noon + due_in,
                        "visit_at": visit_in and noon + visit_in, **said},
    )  # fmt: skip
    return [says(fact, number=3, time=noon)]


def codes(*names: str) -> list[str]:
    return [contracts.short_code(an_id(name)) for name in names]


def unordered(buckets: Mapping[str, list[str]]) -> dict[str, set[str]]:
    return {bucket: {*found} for bucket, found in buckets.items()}


def test_only_the_clock_moves_rows_from_one_reason_to_another_and_count_list_and_file_agree(desks: Desks) -> None:
    undecided = {*codes("to decide", "to decide too", "at the same moment", *FACTS.keys() & {
        "told before deadlines were", "told before them, too"})}  # fmt: skip
    late_today = {*codes("to decide")}
    later = {*codes("to decide too", "at the same moment")}
    always = {
        "undecided": undecided,
        "to_cancel": {*codes("to cancel", "to cancel, late")},
        "to_purge": {*codes("to delete")},
    }

    desks.move_to(desks.noon)
    assert unordered(desks.buckets(IOM)) == always
    confirm = {"to_confirm": {*codes("done")}, "asked": {*codes("asked")}}
    assert unordered(desks.buckets(REDCROSS)) == confirm
    assert desks.buckets(COORDINATOR) == {"escalated": codes("of others")}

    desks.move_to(desks.noon + DAY)  # six hours before
    today_too = {"visits_today": {*codes("visit")}, "call_back": {*codes("done")}}
    assert unordered(desks.buckets(IOM)) == always | today_too | {"due_today": late_today}
    assert unordered(desks.buckets(REDCROSS)) == confirm | {"due_today": {*codes("asked")}}

    desks.move_to(desks.noon + 31 * HOUR)
    assert unordered(desks.buckets(IOM)) == always | today_too | {"overdue": late_today}
    assert unordered(desks.buckets(COORDINATOR))["overdue_elsewhere"] == {*codes("of others", "asked", "to decide")}

    desks.move_to(desks.noon + 3 * DAY)
    assert unordered(desks.buckets(IOM)) == always | {
        "call_back": {*codes("done")}, "overdue": late_today | later,
    }  # fmt: skip
    assert unordered(desks.buckets(REDCROSS)) == confirm | {"overdue": {*codes("asked", "done")}}
    assert desks.buckets(COORDINATOR)["not_purged"] == codes("to delete")


def test_what_has_no_deadline_comes_last_and_is_not_left_out(desks: Desks) -> None:
    desks.move_to(desks.noon)
    listed = desks.listed(IOM, "/hoy/undecided")
    assert listed[0] == codes("to decide")[0]
    assert {*listed[1:3]} == {*codes("to decide too", "at the same moment")}
    assert {*listed[3:]} == {*codes("told before deadlines were", "told before them, too")}


def test_of_what_somebody_has_taken_the_same_holds(desks: Desks) -> None:
    desks.move_to(desks.noon + DAY)
    assert unordered(desks.buckets(IOM, mine=True)) == {
        "undecided": {*codes("to decide", "told before deadlines were")}, "due_today": {*codes("to decide")},
        "visits_today": {*codes("visit")}, "to_purge": {*codes("to delete")},
    }  # fmt: skip


def test_until_when_something_is_to_be_deleted_stands_on_the_page_and_in_the_file(desks: Desks) -> None:
    desks.move_to(desks.noon + 3 * DAY)
    purge_by = (desks.noon + 2 * DAY).astimezone(COLOMBIA)
    for who, reason in ((IOM, "to_purge"), (COORDINATOR, "not_purged")):
        page = desks.browsers[who].get(f"/hoy/{reason}").text
        assert re.search(rf'data-label="Plazo"><time [^>]*>ayer {purge_by:%-H:%M}<', page), reason
        sheet = load_workbook(io.BytesIO(desks.browsers[who].get(f"/hoy/{reason}/lista.xlsx").body)).active
        assert sheet is not None
        head, row = sheet.iter_rows(values_only=True)
        assert dict(zip(head, row, strict=True))["Plazo"] == purge_by.replace(tzinfo=None)


def test_every_reason_leads_to_all_of_it_and_to_its_file(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    desks.move_to(desks.noon)
    monkeypatch.setattr(today, "AT_ONCE", 2)
    page = desks.browsers[IOM].get("/hoy").text
    assert "Se muestran las 2 primeras." in page
    assert 'href="/hoy/undecided"' in page
    assert 'href="/hoy/undecided/lista.xlsx"' in desks.browsers[IOM].get("/hoy/undecided").text
    assert 'href="/hoy/undecided/lista.xlsx?de=mios"' in desks.browsers[IOM].get("/hoy/undecided?de=mios").text


def test_what_is_seen_and_taken_away_stands_in_the_audit(desks: Desks) -> None:
    desks.move_to(desks.noon)
    desks.browsers[IOM].get("/hoy/undecided")
    desks.browsers[IOM].get("/hoy/undecided/lista.xlsx")
    seen, exported = desks.console.acts("work_seen", "referrals_exported")[-2:]
    assert (seen["act"], exported["act"]) == ("work_seen", "referrals_exported")
    assert '"reason": "undecided"' in exported["details"] or '"reason":"undecided"' in exported["details"]
    assert '"count":5' in exported["details"].replace(" ", "")


@pytest.mark.parametrize(
    "path",
    ["/hoy/escalated", "/hoy/not_purged", "/hoy/overdue_elsewhere", "/hoy/overdue_elsewhere/lista.xlsx",
     "/hoy/nothing", "/hoy/OVERDUE",
     "/hoy/overdue?despues=x", "/hoy/overdue?despues=2026-01-01T00:00~x", "/hoy/overdue?despues=sin~x",
     f"/hoy/overdue?despues=2026-01-01T00:00~{an_id('x')}"],
)  # fmt: skip
def test_a_reason_that_is_none_or_a_coordinators_is_not_there(desks: Desks, path: str) -> None:
    assert desks.browsers[IOM].get(path).status == 404

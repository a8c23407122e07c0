"""What staff decide, from the button to the gateway: once, in order, undone in time, refused in words."""

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import sealing
from contracts.codes import ExtensionReason, InfoTopic, NotMetReason, Outcome, ReferralState, ReminderAbout, Urgency
from contracts.deadlines import LENGTHS
from contracts.transitions import ACTS, COORDINATED, NOTED_IN, Actor, acts
from hub.console.acting.speaker import Speaker
from hub.console.store.acts import ActState
from hub.console.web import act_words, acting, chasing, moves, screen, shell
from hub.console.web.case import path_of
from hub.console.web.fields import shown_moment
from messaging import clock
from tests.examples_reports import HELD_AT, an_id, consent_ended, consent_recorded, noted, referred, says
from tests.hub.console.acting.gateway import Gateway, end_of, said, speaking
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, TOKEN, Answer, Browser, Console, Person, Running
from tests.hub.console.kit import FORM as FORM_TYPE
from tests.hub.console.test_pages import DAY, steps

STATE = ReferralState
RECEIVED = STATE.SENT, STATE.RECEIVED
NAMED = "Zulmarixa"  # which is written alike in every coding
PLANTED = f"{NAMED} Qorvelle pregunta por su cédula."
FORM = re.compile(
    r'action="(/caso/[^"]+/hacer/(\w+))">\s*<input[^>]+>\s*<input type="hidden" name="formulario" value="([^"]+)"'
)


@pytest.fixture(scope="module")
def kept_facts(console: Console) -> Iterator[Kept]:
    console.host("redcross", "iom", CENTRE)
    service = Kept(console.url)
    yield service
    service.close()


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def speaker(console: Console, gateway: Gateway) -> Iterator[Speaker]:
    console.query("delete from act")
    with speaking(console, gateway) as speaker:
        yield speaker


@pytest.fixture(scope="module")
def staff(console: Console, running: Running, kept_facts: Kept) -> dict[str, Browser]:
    found = {}
    for organisation, role in (("iom", "partner_staff"), ("redcross", "partner_staff"), ("fuvadis", "partner_staff")):
        found[organisation] = Browser(running)
        console.enrol(found[organisation], f"acts.{organisation}", role, organisation=organisation)
    found["coordinator"] = Browser(running)
    console.enrol(found["coordinator"], "acts.coordinator", "coordinator", organisation=CENTRE)
    return found


@pytest.fixture
def referral(kept_facts: Kept, request: pytest.FixtureRequest) -> Callable[..., UUID]:
    """Has a referral from the Red Cross to IOM come into a state; its id."""

    def make(*states: ReferralState, name: str = "", **more: Any) -> UUID:
        name = f"{request.node.nodeid} {name}"
        kept_facts.hear(*steps(name, *(states or RECEIVED), **more))
        return an_id(name)

    return make


def forms(page: Answer) -> dict[str, tuple[str, str]]:
    """The buttons that do something at once: by name, where they send to and the id of the form."""
    return {name: (path, form) for path, name, form in FORM.findall(page.text)}


def tap(browser: Browser, id: UUID, name: str) -> UUID:
    """Tap a button on the page of a case; the id of what it does."""
    path, form = forms(browser.get(path_of(id)))[name]
    assert browser.send(path, formulario=form).leads_to == f"/hecho/{form}"
    return UUID(form)


def fill_in(browser: Browser, id: UUID, name: str, **typed: str) -> Answer:
    """Fill in a form and send it."""
    page = browser.get(acting.path_of(id, name))
    found = re.search(r'name="formulario" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return browser.send(acting.path_of(id, name), formulario=found[1], **typed)


def done_by(answer: Answer) -> UUID:
    assert answer.leads_to is not None, answer.text
    return UUID(answer.leads_to.removeprefix("/hecho/"))


def test_a_tap_is_said_once_by_its_organisation_its_staff_and_the_console(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    act = tap(staff["iom"], id, "accepted")
    speaker.look()
    assert gateway.heard == []  # not before it can no longer be undone
    said(console, speaker)
    said(console, speaker)
    ((key, message),) = gateway.heard
    assert (key, message.source, message.system, message.id) == ("iom", "iom", "console", act)
    assert message.data == contracts.ReferralAccepted(referral_id=id)
    code = console.query("select code from staff where login = 'acts.iom'")[0]["code"]
    assert message.staff == code
    assert end_of(console, act)["state"] == ActState.APPLIED
    assert end_of(console, act)["message"] is None
    assert staff["iom"].get(acting.done_path(act)).leads_to == path_of(id)


def test_a_page_asks_again_of_itself_the_less_often_the_longer_it_takes() -> None:
    assert [acting.looks_again(left) for left in (9.2, 0.1, 0, -1, -8, -90, -9000)] == [11, 2, 1, 1, 4, 45, 60]


def test_what_is_applied_while_its_page_is_awaited_that_page_knows(
    staff: dict[str, Browser],
    console: Console,
    speaker: Speaker,
    referral: Callable[..., UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shell, "AWAITED", 1000)  # times: for as long as a slow machine may take
    monkeypatch.setattr(acting, "looks_again", lambda left: screen.SOON)
    id = referral()
    act = tap(staff["iom"], id, "accepted")
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(staff["iom"].get(acting.done_path(act))))
    asking.start()
    said(console, speaker)
    asking.join()
    assert answers[0].leads_to == path_of(id)


def test_the_page_of_what_is_not_applied_is_sent_all_the_same(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    act = tap(staff["iom"], referral(), "accepted")
    console.query("update act set say_at = now() - interval '1 second'")
    page = staff["iom"].get(acting.done_path(act))
    assert (page.status, page.header("refresh")) == (200, str(screen.SOON))


def test_a_form_that_is_sent_twice_from_two_browsers_at_once_has_one_effect(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    browser = staff["iom"]
    path, form = forms(browser.get(path_of(id)))["accepted"]
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(browser.send(path, formulario=form))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.leads_to for one in answers} == {f"/hecho/{form}"}
    said(console, speaker)
    assert gateway.ids() == [UUID(form)]
    assert browser.send(path, formulario=form).leads_to == f"/hecho/{form}"  # long after, too
    said(console, speaker)
    assert gateway.ids() == [UUID(form)]


def test_what_is_undone_in_time_nobody_hears(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    act = tap(staff["iom"], id, "accepted")
    page = staff["iom"].get(acting.done_path(act))
    assert int(page.header("refresh") or "") > 1  # not while it can be undone: whoever goes to the button is left there
    assert staff["iom"].send(f"{acting.done_path(act)}/deshacer").leads_to == acting.done_path(act)
    said(console, speaker)
    assert gateway.heard == []
    assert "nadie se enteró" in staff["iom"].get(acting.done_path(act)).text
    assert "accepted" in forms(staff["iom"].get(path_of(id)))


def test_what_is_said_can_no_longer_be_undone(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    act = tap(staff["iom"], referral(), "accepted")
    staff["iom"].get(acting.done_path(act))
    console.query("update act set say_at = now()")
    staff["iom"].send(f"{acting.done_path(act)}/deshacer")
    said(console, speaker)
    assert gateway.ids() == [act]


def test_while_one_act_is_under_way_no_other_is_offered(
    staff: dict[str, Browser], console: Console, speaker: Speaker, referral: Callable[..., UUID]
) -> None:
    id = referral()
    tap(staff["iom"], id, "accepted")
    page = staff["iom"].get(path_of(id))
    assert forms(page) == {}
    assert "Lo anterior todavía está en camino." in page.text
    assert staff["iom"].get(acting.path_of(id, "declined")).status == 409


def test_a_refusal_is_said_in_words_and_stays_on_the_case(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    refused = {"service": "referrals", "state": "refused", "code": "not_while_cancelled"}
    gateway.becomes = {"state": "refused", "final": True, "services": [refused]}
    act = tap(staff["iom"], id, "accepted")
    said(console, speaker)
    assert end_of(console, act)["code"] == "not_while_cancelled"
    for path in (acting.done_path(act), path_of(id)):
        page = staff["iom"].get(path)
        assert contracts.refusals.explain("not_while_cancelled", "referrals") in page.text
    assert "accepted" in forms(staff["iom"].get(path_of(id)))


def test_what_the_gateway_does_not_let_in_is_refused_and_what_it_cannot_take_now_is_tried_again(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    gateway.refuses = 429, "rate_limited"
    act = tap(staff["iom"], referral(name="later"), "accepted")
    said(console, speaker)
    assert (end_of(console, act)["state"], end_of(console, act)["problem"]) == (ActState.KEPT, "answered_429")
    assert act_words.NOT_YET in staff["iom"].get(acting.done_path(act)).text
    gateway.refuses = 403, "not_allowed"
    said(console, speaker)
    assert (end_of(console, act)["state"], end_of(console, act)["code"]) == (ActState.REFUSED, "not_allowed")


def test_what_waits_is_asked_after_until_it_is_applied(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    waits = {"service": "referrals", "state": "waits", "code": "not_while_sent"}
    gateway.becomes = {"state": "waits", "final": False, "services": [waits]}
    act = tap(staff["iom"], referral(), "accepted")
    said(console, speaker)
    assert (end_of(console, act)["state"], end_of(console, act)["message"]) == (ActState.WAITS, None)
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    said(console, speaker)
    assert end_of(console, act)["state"] == ActState.APPLIED


def test_an_organisation_whose_gateway_is_away_keeps_no_other_waiting(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    gateway.away = {"iom"}
    waits = tap(staff["iom"], referral(name="one"), "accepted")
    passes = done_by(fill_in(staff["redcross"], referral(name="two"), "cancel_requested", reason="need_met_elsewhere"))
    said(console, speaker)
    assert gateway.ids() == [passes]
    gateway.away = set()
    said(console, speaker)
    assert gateway.ids() == [passes, waits]


def test_what_somebody_had_just_decided_is_not_said_once_they_are_suspended(
    staff: dict[str, Browser], console: Console, running: Running, speaker: Speaker, gateway: Gateway,
    referral: Callable[..., UUID], enrolled: Callable[..., Person], browser: Browser,
) -> None:  # fmt: skip
    person = enrolled(organisation="iom")
    act = tap(browser, referral(), "accepted")
    with console.office() as office:
        office.suspend(person.code)
    said(console, speaker)
    assert gateway.heard == []
    assert act_words.BY_SUSPENDED in staff["iom"].get(acting.done_path(act)).text


def test_what_arrived_without_an_answer_is_asked_after_and_what_did_not_is_said_again(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    arrived = tap(staff["iom"], referral(name="arrived"), "accepted")
    gateway.cuts = 1
    said(console, speaker)
    assert end_of(console, arrived)["state"] == ActState.KEPT
    staff["iom"].get(path_of(end_of(console, arrived)["referral_id"]))
    staff["iom"].send(f"{acting.done_path(arrived)}/deshacer")  # too late: it may have arrived
    console.query("update staff set status = 'suspended' where login = 'acts.iom'")  # and this, too
    try:
        said(console, speaker)
    finally:
        console.query("update staff set status = 'active' where login = 'acts.iom'")
    assert end_of(console, arrived)["state"] == ActState.APPLIED
    assert gateway.ids() == [arrived]
    gateway.away = {"iom"}
    lost = tap(staff["iom"], referral(name="lost"), "accepted")
    said(console, speaker)
    gateway.away = set()
    said(console, speaker)
    assert gateway.ids() == [arrived, lost]
    assert end_of(console, lost)["state"] == ActState.APPLIED


def test_an_odd_answer_to_one_act_keeps_no_other_of_its_organisation_waiting(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    odd = tap(staff["iom"], referral(name="odd"), "accepted")
    gateway.becomes = {"state": "waits", "final": False, "services": []}
    said(console, speaker)
    gateway.known.clear()  # it has forgotten it
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    other = tap(staff["iom"], referral(name="other"), "accepted")
    said(console, speaker)
    assert end_of(console, odd)["problem"] == "unknown_message"
    assert end_of(console, other)["state"] == ActState.APPLIED


@pytest.mark.parametrize("document", [{"code": "suspended"}, {"code": "not_allowed", "where": "Authorization"}])
def test_what_is_refused_of_the_key_is_no_refusal_of_the_act(
    document: dict[str, str], staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway,
    referral: Callable[..., UUID],
) -> None:  # fmt: skip
    act = tap(staff["iom"], referral(name=str(document)), "accepted")
    gateway.refuses, gateway.says = (403, document["code"]), document
    said(console, speaker)
    assert end_of(console, act)["state"] == ActState.KEPT
    gateway.refuses = None
    said(console, speaker)
    assert end_of(console, act)["state"] == ActState.APPLIED


def test_what_operators_look_into_is_asked_after_and_not_offered_again(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    gateway.becomes = {"state": "quarantined", "final": False, "services": []}
    act = tap(staff["iom"], id, "accepted")
    said(console, speaker)
    page = staff["iom"].get(path_of(id))
    assert moves.STUCK in page.text
    assert "accepted" not in forms(page)
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    said(console, speaker)
    assert end_of(console, act)["state"] == ActState.APPLIED


def test_what_is_applied_is_not_offered_again_before_its_fact_is_here(
    staff: dict[str, Browser], console: Console, kept_facts: Kept, speaker: Speaker, referral: Callable[..., UUID]
) -> None:
    id = referral()
    tap(staff["iom"], id, "accepted")
    said(console, speaker)
    assert forms(staff["iom"].get(path_of(id))) == {}
    (row,) = console.query("select sequence from referral where referral_id = %s", id)
    fact = referred("x", STATE.ACCEPTED, referral_id=id, person_id=an_id("who accepted"), sender="redcross",
                    recipient="iom", changed_by="iom", changed_at=clock.now())  # fmt: skip
    kept_facts.hear(says(fact, number=row["sequence"] + 1))
    assert "service_started" in forms(staff["iom"].get(path_of(id)))


def test_of_who_no_longer_uses_the_screens_nothing_is_said(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    act = tap(staff["iom"], referral(), "accepted")
    console.host_no_more("iom")
    try:
        said(console, speaker)
    finally:
        console.host("iom")
    assert gateway.heard == []
    assert act_words.NO_SCREENS in staff["iom"].get(acting.done_path(act)).text


def test_nothing_is_said_any_more_about_who_is_erased(
    staff: dict[str, Browser], console: Console, kept_facts: Kept, speaker: Speaker, gateway: Gateway,
    referral: Callable[..., UUID],
) -> None:  # fmt: skip
    id = referral()
    act = tap(staff["iom"], id, "accepted")
    (row,) = console.query("select person_id from referral where referral_id = %s", id)
    kept_facts.hear(says(contracts.PersonErased(person_id=row["person_id"], erased_at=clock.now())))
    said(console, speaker)
    assert gateway.heard == []
    assert end_of(console, act)["message"] is None


def test_a_note_is_sealed_to_its_reader_and_stands_nowhere_in_clear(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    answer = fill_in(staff["iom"], id, "info_requested", topic=InfoTopic.DOCUMENTS, sealed=PLANTED)
    assert NAMED not in str(console.query("select * from act"))
    said(console, speaker)
    ((_, message),) = gateway.heard
    assert message.id == done_by(answer)
    assert sealing.open_sealed(message.data.sealed, console.private["redcross"]) == {"text": PLANTED}


def test_a_note_goes_to_the_other_party_and_a_coordinators_to_both_each_sealed_for_its_reader(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    id = referral()
    tomorrow = shown_moment(clock.now() + DAY)
    assert fill_in(staff["iom"], id, "note_added", kind="note", call_back_at=tomorrow, notes="x").status == 422
    for who, readers in (("iom", {"redcross"}), ("coordinator", {"redcross", "iom"})):
        gateway.heard.clear()
        fill_in(staff[who], id, "note_added", kind="call", call_back_at=tomorrow, notes=PLANTED)
        said(console, speaker)
        ((_, message),) = gateway.heard
        assert shown_moment(message.data.call_back_at) == tomorrow
        opened = {
            one.addressee: sealing.open_sealed(one.sealed, console.private[one.addressee]) for one in message.data.notes
        }
        assert opened == {reader: {"text": PLANTED} for reader in readers}


def test_to_who_has_no_key_no_note_is_asked_for(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id = referral(sender="fuvadis", name="keyless")
    kept = dict(console.private)
    console.has_no_key("fuvadis")
    try:
        assert 'name="sealed"' not in staff["iom"].get(acting.path_of(id, "info_requested")).text
        in_service = referral(
            STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, STATE.IN_SERVICE, sender="fuvadis", name="in service"
        )
        assert "no tiene llave" in staff["iom"].get(path_of(in_service)).text
    finally:
        console.private = kept
        console._write_directory()


@pytest.mark.parametrize(
    ("name", "typed", "wrong"),
    [
        ("declined", {}, "reason"),
        ("declined", {"reason": "no_such_reason"}, "reason"),
        ("declined", {"reason": "not_eligible"}, "criterion"),
        ("waitlisted", {"place_in_line": "cero"}, "place_in_line"),
        ("waitlisted", {"place_in_line": "0"}, "place_in_line"),
        ("waitlisted", {"place_in_line": "9" * 400}, "place_in_line"),
        ("info_requested", {"topic": "documents", "sealed": "x" * 4001}, "sealed"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_told_beside_its_field_and_nothing_is_done(
    name: str, typed: dict[str, str], wrong: str, staff: dict[str, Browser], console: Console,
    referral: Callable[..., UUID],
) -> None:  # fmt: skip
    id = referral()
    answer = fill_in(staff["iom"], id, name, **typed)
    assert answer.status == 422
    assert f'id="{wrong}-error"' in answer.text
    assert console.query("select from act where referral_id = %s", id) == []
    for value in typed.values():
        if len(value) < 100 and name != "declined":
            assert value in answer.text  # what was typed is still there


def test_what_was_not_taken_stands_at_an_address_of_its_own_for_its_session_alone(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id = referral()
    path = acting.path_of(id, "info_requested")
    page = staff["iom"].get(path)
    form = re.search(r'name="formulario" value="([^"]+)"', page.text)
    assert form is not None
    staff["iom"].send(path, formulario=form[1], sealed=PLANTED)
    at = staff["iom"].at
    for _ in range(2):  # a reload, too
        page = staff["iom"].get(at)
        assert (page.status, PLANTED in page.text, form[1] in page.text) == (422, True, True)
    (kept,) = console.query("select content from kept_answer where path = %s", at)
    assert NAMED.encode() not in bytes(kept["content"])
    other = Browser(staff["iom"].running)
    console.enrol(other, "acts.another", "partner_staff", organisation="iom")
    for browser, address in ((other, at), (staff["iom"], path)):
        page = browser.get(address)
        assert (page.status, PLANTED in page.text) == (200, False)
    staff["iom"].get(at)
    done = done_by(staff["iom"].send(path, formulario=form[1], sealed=PLANTED, topic="documents"))
    assert done_by(staff["iom"].send(path, formulario=form[1], sealed=PLANTED, topic="documents")) == done
    assert len(console.query("select message_id from act where referral_id = %s", id)) == 1


def test_a_visit_lies_ahead_and_what_was_asked_lies_behind(
    staff: dict[str, Browser], speaker: Speaker, gateway: Gateway, console: Console, referral: Callable[..., UUID]
) -> None:
    id = referral(STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, ago=2 * DAY)
    yesterday, tomorrow = (shown_moment(clock.now() + days) for days in (-DAY, DAY))
    assert fill_in(staff["iom"], id, "scheduled", visit_at=yesterday, mode="at_provider").status == 422
    act = done_by(fill_in(staff["iom"], id, "scheduled", visit_at=tomorrow, mode="at_provider"))
    said(console, speaker)
    ((_, message),) = gateway.heard
    assert message.id == act
    assert shown_moment(message.data.visit_at) == tomorrow
    asked = {"organisation": "iom", "means": "telephone", "result": "will_answer"}
    assert fill_in(staff["coordinator"], id, "chased", chased_at=tomorrow, **asked).status == 422
    assert fill_in(staff["coordinator"], id, "chased", chased_at=yesterday, **asked).status == 303


def test_a_visit_is_not_set_for_when_it_is_set_already_nor_an_answer_asked_for_before_the_sending(
    staff: dict[str, Browser], referral: Callable[..., UUID]
) -> None:
    visit_at = (clock.now() + DAY).replace(second=0, microsecond=0)
    id = referral(STATE.SENT, STATE.RECEIVED, STATE.SCHEDULED, visit_at=visit_at)
    for later, status in ((timedelta(), 422), (timedelta(hours=1), 303)):
        answer = fill_in(staff["iom"], id, "scheduled", visit_at=shown_moment(visit_at + later), mode="at_provider")
        assert (answer.status, 'id="visit_at-error"' in answer.text) == (status, status == 422)
    asked = {"organisation": "iom", "means": "telephone", "result": "will_answer"}
    answer = fill_in(staff["coordinator"], id, "chased", chased_at=shown_moment(clock.now() - DAY), **asked)
    assert (answer.status, 'id="chased_at-error"' in answer.text) == (422, True)


def barred(page: Answer) -> set[str]:
    """What is shown, and cannot be done."""
    return set(re.findall(r'disabled aria-describedby="why-([a-z_]+)-', page.text))


CONSENT_ID = an_id("the consent of what is barred")
SUSPENDED = contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=HELD_AT)
RESUMED = contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=HELD_AT + timedelta(minutes=1))


def test_under_a_consent_in_doubt_or_taken_back_nothing_more_of_the_person_leaves(
    staff: dict[str, Browser], kept_facts: Kept, referral: Callable[..., UUID]
) -> None:
    person = "of what is barred"
    asked = referral(STATE.SENT, STATE.RECEIVED, STATE.INFO_REQUESTED, name="asked", consent_id=CONSENT_ID)
    closed = referral(STATE.SENT, STATE.RECEIVED, STATE.CLOSED, name="closed", consent_id=CONSENT_ID)
    kept_facts.hear(says(consent_recorded(person, consent_id=CONSENT_ID, valid_until=None)))
    ended = consent_ended(person, consent_id=CONSENT_ID)
    for fact, is_barred in ((None, False), (SUSPENDED, True), (RESUMED, False), (ended, True)):
        if fact is not None:
            kept_facts.hear(says(fact))
        pages = staff["redcross"].get(path_of(asked)), staff["coordinator"].get(path_of(closed))
        expected = [{"info_provided", "note_added"}, {"reopened", "note_added"}] if is_barred else [set(), set()]
        assert [barred(page) for page in pages] == expected, fact
    assert staff["redcross"].get(acting.path_of(asked, "info_provided")).status == 409


def test_about_who_is_erased_nothing_is_written_nor_opened_again(
    staff: dict[str, Browser], console: Console, kept_facts: Kept, referral: Callable[..., UUID]
) -> None:
    id = referral(STATE.SENT, STATE.RECEIVED, STATE.CLOSED)
    assert barred(staff["coordinator"].get(path_of(id))) == set()
    (row,) = console.query("select person_id from referral where referral_id = %s", id)
    kept_facts.hear(says(contracts.PersonErased(person_id=row["person_id"], erased_at=clock.now())))
    page = staff["coordinator"].get(path_of(id))
    assert barred(page) == {"note_added", "reopened"}
    assert moves.ERASED in page.text


def test_while_anybody_owes_a_purge_nothing_is_written_and_no_deadline_extended(
    staff: dict[str, Browser], kept_facts: Kept, referral: Callable[..., UUID]
) -> None:
    id = referral()
    owed: dict[str, Any] = {
        "referral_id": id,
        "state": "received",
        "waits_for": ReminderAbout.PURGE,
        "purge_by": clock.now() + DAY,
    }
    for what, awaited in (("purge_owed", ("redcross",)), ("purged", ())):
        kept_facts.hear(says(noted("x", what, **owed, awaited=awaited, noted_at=clock.now())))
        page = staff["coordinator"].get(path_of(id))
        assert barred(page) == ({"note_added", "deadline_extended"} if awaited else set())


def test_a_case_says_at_its_top_when_the_visit_is_and_in_its_story_until_when_more_time_was_given(
    staff: dict[str, Browser], kept_facts: Kept, referral: Callable[..., UUID], request: pytest.FixtureRequest
) -> None:
    visit_at = clock.now() + DAY
    of_visit = referral(STATE.SENT, STATE.RECEIVED, STATE.SCHEDULED, name="visit", visit_at=visit_at)
    top, _, _ = staff["iom"].get(path_of(of_visit)).text.partition('id="acts"')
    assert "<dt>Cita</dt>" in top
    over = referral(STATE.SENT, STATE.RECEIVED, STATE.SCHEDULED, STATE.NO_SHOW, name="over", visit_at=visit_at)
    top, _, _ = staff["iom"].get(path_of(over)).text.partition('id="acts"')
    assert "<dt>Cita</dt>" not in top

    *facts, last = steps(f"{request.node.nodeid} extended", STATE.SENT, STATE.RECEIVED, STATE.RECEIVED)
    given = {"extension_reason": ExtensionReason.DOCUMENTS_AWAITED}
    kept_facts.hear(*facts, says(last.data.model_copy(update=given), number=3, time=last.time))
    _, _, story = staff["coordinator"].get(path_of(last.data.referral_id)).text.partition('<ol class="story">')
    assert story.count("<dt>Nuevo plazo</dt>") == story.count("dio más plazo") == 1


def test_what_is_opened_again_is_in_nobodys_charge_and_its_extensions_count_anew(
    staff: dict[str, Browser], kept_facts: Kept, referral: Callable[..., UUID], request: pytest.FixtureRequest
) -> None:
    states = [STATE.SENT, *[STATE.RECEIVED] * 3, STATE.COMPLETED]
    facts = steps(f"{request.node.nodeid} ", *states, STATE.CLOSED, STATE.IN_SERVICE, STATE.COMPLETED)
    given = {"extension_reason": ExtensionReason.DOCUMENTS_AWAITED}
    extended = [
        says(one.data.model_copy(update=given), number=number, time=one.time)
        if one.data.state is STATE.RECEIVED
        else one
        for number, one in enumerate(facts, 1)
    ]
    id = facts[0].data.referral_id
    kept_facts.hear(*extended[:5])
    taken_on = noted("x", "taken_on", referral_id=id, noted_by=CENTRE, noted_at=facts[4].data.changed_at)
    kept_facts.hear(says(taken_on))
    page = staff["coordinator"].get(path_of(id))
    assert barred(page) == {"deadline_extended"}
    assert "taken_on" not in forms(page)
    kept_facts.hear(*extended[5:])
    page = staff["coordinator"].get(path_of(id))
    assert barred(page) == set()
    assert "taken_on" in forms(page)


def test_what_was_redirected_stands_beside_what_its_sender_sent_itself(
    staff: dict[str, Browser], kept_facts: Kept, referral: Callable[..., UUID]
) -> None:
    person = {"person_id": an_id("of two beside")}
    closed = referral(STATE.SENT, STATE.RECEIVED, STATE.CLOSED, name="closed", **person)
    before = referral(STATE.SENT, STATE.RECEIVED, name="before", recipient="fuvadis", **person)
    referral(name="beside", redirected_from=before, **person)
    assert barred(staff["coordinator"].get(path_of(closed))) == set()
    referral(name="its own", **person)
    assert barred(staff["coordinator"].get(path_of(closed))) == {"reopened"}


def test_a_new_deadline_is_later_than_the_present_one_and_no_later_than_the_rules_give(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id = referral()
    (row,) = console.query("select due_at from referral where referral_id = %s", id)
    longest = LENGTHS[STATE.RECEIVED][Urgency.NORMAL]
    minute = timedelta(minutes=1)
    for until, status in ((-minute, 422), (longest + minute, 422), (longest - minute, 303)):
        answer = fill_in(
            staff["coordinator"], id, "deadline_extended", due_at=shown_moment(row["due_at"] + until),
            reason="documents_awaited",
        )  # fmt: skip
        assert answer.status == status, until


def test_buttons_are_what_the_table_allows_each_part_in_each_state(
    staff: dict[str, Browser], console: Console, speaker: Speaker, kept_facts: Kept, referral: Callable[..., UUID]
) -> None:
    parts = {"iom": Actor.RECIPIENT, "redcross": Actor.SENDER, "coordinator": Actor.HUB}
    for state in ReferralState:
        id = referral(*((STATE.SENT,) if state is STATE.SENT else (STATE.SENT, STATE.RECEIVED, state)), name=state)
        for who, actor in parts.items():
            page = staff[who].get(path_of(id))
            links = re.findall(rf'href="/caso/{id}/hacer/(\w+)"', page.text)
            barred = re.findall(r'disabled aria-describedby="why-([a-z_]+)-', page.text)
            noted = {"referral.note_added"} if state in NOTED_IN else set[str]()
            allowed = acts(state, actor) | noted
            assert {f"referral.{name}" for name in (*links, *forms(page), *barred)} == allowed, (state, who)


@pytest.mark.parametrize(
    ("state", "first", "visit"),
    [
        (STATE.ACCEPTED, "Dar una cita", "Dar una cita"),
        (STATE.SCHEDULED, "Vino", "Cambiar la cita"),
        (STATE.NO_SHOW, "Dar otra cita", "Dar otra cita"),
        (STATE.VISIT_CANCELLED, "Dar otra cita", "Dar otra cita"),
        (STATE.IN_SERVICE, "Terminamos", "Dar otra cita"),
    ],
)
def test_what_comes_next_is_the_first_button_and_a_visit_is_called_what_it_is_in_that_state(
    staff: dict[str, Browser], referral: Callable[..., UUID], state: ReferralState, first: str, visit: str
) -> None:
    id = referral(STATE.SENT, STATE.RECEIVED, state)
    _, _, buttons = staff["iom"].get(path_of(id)).text.partition('<ul class="moves next">')
    assert re.findall(r"<(?:button|a [^>]*)>([^<]+)</", buttons)[0] == first
    assert f">{visit}</a>" in buttons
    assert f"<h1>{visit}</h1>" in staff["iom"].get(acting.path_of(id, "scheduled")).text


def test_every_act_that_the_table_knows_has_a_button_and_each_of_its_fields_a_label() -> None:
    assert {one.contract for one in moves.MOVES} == {*ACTS, *COORDINATED, "referral.purged", "referral.note_added"}
    asked = {f"{one.name}.{field.name}" for one in moves.MOVES for field in one.fields if field.name not in moves.KNOWN}
    assert asked == set(act_words.LABELS)


def test_who_has_no_part_in_a_case_cannot_act_on_it_nor_see_what_others_did(
    staff: dict[str, Browser], console: Console, speaker: Speaker, referral: Callable[..., UUID]
) -> None:
    id = referral()
    act = tap(staff["iom"], id, "accepted")
    nothing = staff["fuvadis"].get(acting.path_of(an_id("nothing at all"), "accepted"))
    for path in (acting.path_of(id, "accepted"), acting.done_path(act)):
        answer = staff["fuvadis"].get(path)
        assert answer.status == nothing.status == 404
    assert staff["redcross"].get(acting.done_path(act)).status == 404
    staff["redcross"].get("/")
    staff["redcross"].send(f"{acting.done_path(act)}/deshacer")
    assert end_of(console, act)["state"] == ActState.KEPT


def test_staff_of_an_organisation_with_a_system_of_its_own_are_told_so(
    staff: dict[str, Browser], referral: Callable[..., UUID]
) -> None:
    id = referral(recipient="fuvadis")
    page = staff["fuvadis"].get(path_of(id))
    assert "desde su propio sistema" in page.text
    assert forms(page) == {}
    assert staff["fuvadis"].get(acting.path_of(id, "accepted")).status == 409


def test_a_tap_while_the_session_was_over_waits_and_is_not_done(
    staff: dict[str, Browser], console: Console, running: Running, referral: Callable[..., UUID],
    enrolled: Callable[..., Person], browser: Browser,
) -> None:  # fmt: skip
    person = enrolled(organisation="iom")
    id = referral()
    browser.get(acting.path_of(id, "declined"))
    console.query("update session set locked_at = now() where staff = %s", person.code)
    answer = browser.send(acting.path_of(id, "declined"), formulario=str(contracts.uuid7()), reason="no_capacity")
    assert answer.leads_to is not None
    assert answer.leads_to.startswith("/abrir")
    assert console.query("select from act where referral_id = %s", id) == []
    browser.get("/abrir")
    (session,) = console.query("select id from session where staff = %s", person.code)
    browser.send("/abrir", who=str(session["id"]), pin=person.pin, a=acting.path_of(id, "declined"))
    assert re.search(r'value="no_capacity"[^>]* (checked|selected)', browser.get(acting.path_of(id, "declined")).text)


QUESTION = {"topic": "documents", "sealed": PLANTED}


def test_what_was_written_when_somebody_acted_meanwhile_can_be_read_and_sent_later(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id, browser = referral(), staff["iom"]
    path = acting.path_of(id, "info_requested")
    browser.get(path)
    meanwhile = Browser(browser.running, cookies=dict(browser.cookies))
    act = tap(meanwhile, id, "accepted")
    answer = browser.send(path, formulario=str(contracts.uuid7()), **QUESTION)
    assert (answer.status, "El caso cambió" in answer.text, f'href="{path}"' in answer.text) == (409, True, True)
    page = browser.get(path)
    assert (page.status, PLANTED in page.text, "No se envió a nadie" in page.text) == (409, True, True)
    assert PLANTED not in staff["redcross"].get(path).text
    meanwhile.get(acting.done_path(act))
    meanwhile.send(f"{acting.done_path(act)}/deshacer")
    page = browser.get(path)
    assert (page.status, PLANTED in page.text, act_words.TOLD[ActState.APPLIED] in page.text) == (200, True, False)
    assert re.search(r'value="documents"[^>]* (checked|selected)', page.text)


def test_what_was_written_into_a_form_that_took_too_long_stands_there_again_and_is_said_once(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id, browser = referral(), staff["iom"]
    path = acting.path_of(id, "info_requested")
    page = browser.get(path)
    form = re.search(r'name="formulario" value="([^"]+)"', page.text)
    assert form is not None
    with psycopg.connect(console.url) as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended(%s, 20))", (f"iom {id}",))
        answer = browser.send(path, formulario=form[1], **QUESTION)
    assert (answer.status, "too_slow" in answer.text, f'href="{path}"' in answer.text) == (503, True, True)
    page = browser.get(path)
    assert (PLANTED in page.text, form[1] in page.text) == (True, True)
    done = done_by(browser.send(path, formulario=form[1], **QUESTION))
    assert done_by(browser.send(path, formulario=form[1], **QUESTION)) == done
    assert len(console.query("select from act where referral_id = %s", id)) == 1


def test_what_is_said_of_a_form_behind_it_is_not_shown_as_if_it_were_not_done(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    id, browser = referral(), staff["iom"]
    path = acting.path_of(id, "info_requested")
    browser.get(path)
    form = str(contracts.uuid7())
    act = done_by(browser.send(path, formulario=form, **QUESTION))
    browser.get("/")
    browser.send("/escrito", a=path, formulario=form, **QUESTION)  # on its way since before
    browser.get(acting.done_path(act))
    browser.send(f"{acting.done_path(act)}/deshacer")
    page = browser.get(path)
    assert (page.status, PLANTED in page.text, form in page.text) == (200, False, False)


def test_a_box_that_is_not_ticked_any_more_stays_so_when_the_form_comes_back(
    staff: dict[str, Browser], referral: Callable[..., UUID]
) -> None:
    id, browser = referral(STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, STATE.IN_SERVICE), staff["iom"]
    path = acting.path_of(id, "completed")
    browser.get(path)
    given = {"services_given": "food_security.voucher"}
    is_ticked = re.compile(r'value="food_security.voucher"[^>]* checked')
    browser.send("/escrito", a=path, **given)
    assert is_ticked.search(browser.get(path).text)
    answer = browser.send(path, formulario=str(contracts.uuid7()), outcome="not_met")
    assert (answer.status, bool(is_ticked.search(answer.text))) == (422, False)
    answer = browser.send(path, formulario=str(contracts.uuid7()), outcome="not_met", **given)
    assert (answer.status, bool(is_ticked.search(answer.text))) == (422, True)


def test_an_outcome_that_was_not_met_is_confirmed_as_met_whatever_stood_there(
    staff: dict[str, Browser], console: Console, referral: Callable[..., UUID]
) -> None:
    states = STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, STATE.IN_SERVICE
    id = referral(*states, STATE.COMPLETED, outcome=Outcome.NOT_MET, not_met_reason=NotMetReason.NO_CAPACITY)
    path = acting.path_of(id, "closed")
    page = staff["redcross"].get(path)
    assert re.search(r'value="no_capacity" selected', page.text)
    form = str(contracts.uuid7())
    answer = staff["redcross"].send(path, formulario=form, outcome="need_met", not_met_reason="no_capacity")
    assert (answer.status, 'id="not_met_reason-error"' in answer.text) == (422, True)
    assert '<option value="">' in answer.text.partition('id="not_met_reason"')[2]
    assert done_by(staff["redcross"].send(path, formulario=form, outcome="need_met", not_met_reason="")) == UUID(form)


def test_each_act_of_staff_is_audited_before_anything_of_it_is_kept(
    staff: dict[str, Browser], console: Console, speaker: Speaker, referral: Callable[..., UUID]
) -> None:
    act = tap(staff["iom"], referral(), "accepted")
    (entry,) = [one for one in console.acts("act_kept") if str(act) in one["details"]]
    assert '"referral.accepted.v1"' in entry["details"]
    staff["iom"].get(acting.done_path(act))
    staff["iom"].send(f"{acting.done_path(act)}/deshacer")
    assert [one for one in console.acts("act_undone") if str(act) in one["details"]]
    assert timedelta(seconds=console.settings.undo_seconds) > timedelta()


def test_one_call_is_noted_for_the_very_referrals_that_were_shown_and_left_ticked(
    staff: dict[str, Browser], console: Console, kept_facts: Kept, speaker: Speaker, gateway: Gateway,
    referral: Callable[..., UUID],
) -> None:  # fmt: skip
    shown = [referral(name=f"{number}", ago=3 * DAY, sender="americares", recipient="fuvadis") for number in range(3)]
    browser = staff["coordinator"]
    page = browser.get(chasing.path_of("fuvadis"))
    form = re.search(r'name="formulario" value="([^"]+)"', page.text)
    assert form is not None
    assert {one for one in shown if f'value="{one}" checked' in page.text} == {*shown}
    later = referral(name="later", ago=3 * DAY, sender="americares", recipient="fuvadis")  # nobody was shown it
    answered = {"means": "telephone", "result": "will_answer", "chased_at": shown_moment(clock.now() - DAY)}
    typed = [("formulario", form[1]), *answered.items(), *(("referencia", str(one)) for one in shown[:2])]
    for _ in range(2):  # a double tap
        assert send_several(browser, chasing.path_of("fuvadis"), typed).leads_to == chasing.done_path(UUID(form[1]))
    said(console, speaker)
    assert {message.data.referral_id for _, message in gateway.heard} == {*shown[:2]}
    assert len(gateway.heard) == 2
    assert later not in {message.data.referral_id for _, message in gateway.heard}
    told = browser.get(chasing.done_path(UUID(form[1])))
    assert told.text.count(act_words.TOLD[ActState.APPLIED]) == 2


def test_one_call_can_be_undone_whole_and_without_a_choice_nothing_is_done(
    staff: dict[str, Browser], console: Console, speaker: Speaker, gateway: Gateway, referral: Callable[..., UUID]
) -> None:
    shown = [referral(name=f"{number}", ago=3 * DAY, sender="americares", recipient="oportunidades") for number in "ab"]
    browser, path = staff["coordinator"], chasing.path_of("oportunidades")
    page = browser.get(path)
    form = re.search(r'name="formulario" value="([^"]+)"', page.text)
    assert form is not None
    answered = {"means": "email", "result": "not_reached", "chased_at": shown_moment(clock.now() - DAY)}
    typed = [("formulario", form[1]), *answered.items()]
    assert send_several(browser, path, [*typed, ("referencia", str(an_id("another's")))]).status == 422
    done = send_several(browser, path, [*typed, *(("referencia", str(one)) for one in shown)]).leads_to
    assert done is not None
    told = browser.get(done).text
    assert sorted(shown, key=lambda one: told.index(str(one))) == sorted(
        shown, key=lambda one: page.text.index(str(one))
    )
    browser.send(f"{done}/deshacer")
    said(console, speaker)
    assert gateway.heard == []
    assert staff["iom"].get(path).status == staff["iom"].get(done).status == 404


def send_several(browser: Browser, path: str, fields: list[tuple[str, str]]) -> Answer:
    """Send a form in which a field stands several times."""
    assert browser.page is not None
    token = TOKEN.search(browser.page.text)
    assert token is not None
    body = urlencode([("form_token", token[1]), *fields]).encode()
    return browser.see(browser._ask("POST", path, {"content-type": FORM_TYPE}, body))

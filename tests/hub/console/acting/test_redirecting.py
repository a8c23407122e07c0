"""Redirigir: whom a person may be passed on to, what that organisation learns, and two messages in order."""

import html
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

import contracts
from contracts import sealing
from contracts.blocks import PersonBlock
from contracts.codes import (
    CapacityState,
    ConsentPurpose,
    DeclineReason,
    FieldGroup,
    OrganisationStatus,
    ReferralState,
)
from contracts.refusals import explain
from deploy.local import Stack
from hub.console.acting.speaker import Speaker
from hub.console.store.acts import ActState
from hub.console.web import act_words, acting, learned, moves, redirecting
from hub.console.web.case import path_of
from hub.console.web.pace import Pace
from hub.console.web.saying import Saying
from messaging import clock
from tests.examples_reports import an_id, consent_recorded, says, service_recorded
from tests.hub.console.acting.gateway import Gateway, end_of, said, speaking
from tests.hub.console.custody.boxes import ANA, PLANTED
from tests.hub.console.custody.boxes import Console as Box
from tests.hub.console.custody.test_process import Running as Custody
from tests.hub.console.kept import Kept
from tests.hub.console.kit import Answer, Browser, Console
from tests.hub.console.test_pages import steps
from tests.waiting import eventually

NEED = "health.consultation"
FORM = re.compile(r'name="formulario" value="([^"]+)"')
OPTION = re.compile(r'<option value="([^"]+)"[^>]*>([^<]+)</option>|name="service" value="([^"]+)"> ([^<]+)<')
FACT = re.compile(r"<dt>([^<]*)</dt><dd[^>]*>([^<]*)</dd>")
BLOCK = re.compile(r'name="bloque" value="([^"]+)"')
YES = {"given_by": "person", "manner": "spoken_and_witnessed", "language": "es", "lasts": "90", "agreed": "yes"}
LONG_AGO: Any = object()
SERVICES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "open": ("fuvadis", {}),
    "stale": ("fuvadis", {"capacity": CapacityState.FULL, "valid_until": LONG_AGO}),
    "silent": ("americares", dict.fromkeys(("capacity", "waiting", "estimate_days", "stated_at", "valid_until"))),
    "full": ("americares", {"capacity": CapacityState.FULL}),
    "closed": ("americares", {"active": False}),
    "another need": ("americares", {"need_codes": ("shelter.rent",)}),
    "the sender's": ("redcross", {}),
    "our own": ("iom", {}),
    "out": ("barranquilla", {}),
    "keyless": ("oportunidades", {}),
}


class World:
    """The pages, custody's process, and a referral from the Red Cross to IOM, which passes it on."""

    def __init__(self, stack: Stack, directory: Any) -> None:
        self.console = Console(stack, directory, hosted=("redcross", "iom"))
        self.box = Box(self.console.url, self.console.state.directory)
        self.service = Kept(self.console.url)
        self.custody = Custody(self.box).start()
        self.console.say("barranquilla", OrganisationStatus.SUSPENDED)
        self.console.has_no_key("oportunidades")
        running = self.console.run(custody=self.custody.socket)
        self.staff = {one: Browser(running) for one in ("iom", "redcross", "fuvadis")}
        for one, browser in self.staff.items():
            self.console.enrol(browser, f"redirects.{one}", organisation=one)
        self.services = {name: an_id(("service", name)) for name in SERVICES}
        for name, (organisation, more) in SERVICES.items():
            at = clock.now()
            given = {
                "capacity": CapacityState.OPEN,
                "stated_at": at - timedelta(days=2),
                "valid_until": at + timedelta(days=1),
                **more,
            }
            if more.get("valid_until") is LONG_AGO:
                given["valid_until"] = at - timedelta(hours=1)
            fact = service_recorded(
                f"Servicio {name}",
                **{"need_codes": (NEED,), **given, "service_id": self.services[name], "organisation": organisation},
            )
            self.service.hear(says(fact))

    def close(self) -> None:
        self.console.stop()
        self.custody.close()
        self.service.close()
        self.box.recording.close()

    def refer(self, name: str, **request: Any) -> UUID:
        """Have IOM be asked, and sent the person."""
        id = an_id(name)
        self.service.hear(*steps(name, ReferralState.SENT, ReferralState.RECEIVED, need_code=NEED))
        (row,) = self.console.query("select person_id from referral where referral_id = %s", id)
        self.box.offer("iom", referral_id=id, person_id=row["person_id"], need_code=NEED, **request)
        # Custody finds that it can open it, and the console says that it was received: long ago, in these tests.
        waits = "select count(*) as due from sealed_block where index_due is not null"
        eventually(lambda: self.console.query(waits)[0]["due"] == 0)
        self.console.query("delete from act where referral_id = %s", id)
        return id

    def choose(self, id: UUID, service: str = "open") -> Answer:
        """Choose a service: the second page."""
        browser, path = self.staff["iom"], acting.path_of(id, "redirected")
        page = browser.get(path)
        return browser.send(path, formulario=form_of(page), service=str(self.services[service]))

    def send(self, id: UUID, service: str = "open", **typed: str) -> Answer:
        """Choose a service, and answer what the second page asks."""
        page = self.choose(id, service)
        return self.answer(id, page, service, **typed)

    def answer(self, id: UUID, page: Answer, service: str = "open", **typed: str) -> Answer:
        before = re.search(r'name="consentimiento" value="([^"]+)"', page.text)
        block = BLOCK.search(page.text)
        assert block is not None, page.text
        sent = {
            "formulario": form_of(page),
            "paso": "enviar",
            "service": str(self.services[service]),
            "bloque": block[1],
            "reason": "no_capacity",
            **({"consentimiento": before[1]} if before else YES),
            **typed,
        }
        return self.staff["iom"].send(
            acting.path_of(id, "redirected"), **{name: one for name, one in sent.items() if one}
        )

    def decide(self, id: UUID, service: str = "open", **typed: str) -> UUID:
        """Redirect; the id of the act."""
        answer = self.send(id, service, **typed)
        assert answer.leads_to is not None, answer.text
        return UUID(answer.leads_to.removeprefix("/hecho/"))

    def open_as(self, organisation: str, sealed: str) -> dict[str, Any]:
        """What an organisation finds in a block."""
        return sealing.open_sealed(sealed, self.box.others[organisation])


def form_of(page: Answer) -> str:
    found = FORM.search(page.text)
    assert found is not None, page.text
    return found[1]


@pytest.fixture(scope="module")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(stack, tmp_path_factory.mktemp("redirecting"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person looks at more here than anybody does in a minute."""
    monkeypatch.setattr(redirecting, "OPENED_BY_A_PERSON", Pace(at_once=10_000, every=0.001))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def speaker(world: World, gateway: Gateway) -> Iterator[Speaker]:
    world.console.query("delete from act")
    with speaking(world.console, gateway) as speaker:
        yield speaker


@pytest.fixture
def id(world: World, request: pytest.FixtureRequest) -> UUID:
    return world.refer(request.node.nodeid)


def first_of(world: World, act: UUID) -> UUID:
    """The consent that a redirection follows."""
    found: UUID = end_of(world.console, act)["follows"]
    return found


# -- to whom ----------------------------------------------------------------------------------------------------------


def test_only_services_of_others_that_may_take_somebody_on_can_be_chosen(world: World, id: UUID) -> None:
    page = world.staff["iom"].get(acting.path_of(id, "redirected"))
    found = {UUID(one or other) for one, _, other, _ in OPTION.findall(page.text) if one or other}
    assert found == {world.services[name] for name in ("open", "stale", "silent")}
    for name in SERVICES.keys() - {"open", "stale", "silent"}:
        answer = world.staff["iom"].send(
            acting.path_of(id, "redirected"), formulario=form_of(page), service=str(world.services[name])
        )
        assert answer.status == 422, name
    assert world.console.query("select from act where referral_id = %s", id) == []


def test_whoever_may_not_refer_to_an_organisation_is_not_offered_its_services(
    world: World, id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.topology.Organisation.may_refer_to", lambda _, other: other != "fuvadis")
    page = world.staff["iom"].get(acting.path_of(id, "redirected"))
    assert {UUID(one or other) for one, _, other, _ in OPTION.findall(page.text) if one or other} == {
        world.services["silent"]
    }
    monkeypatch.setattr("messaging.topology.Organisation.may_refer_to", lambda *_: False)
    assert "Ninguna otra organización" in world.staff["iom"].get(acting.path_of(id, "redirected")).text


def test_only_who_was_asked_may_pass_it_on_and_only_while_it_decides(world: World, id: UUID) -> None:
    for who, status in (("redcross", 409), ("fuvadis", 404)):
        assert world.staff[who].get(acting.path_of(id, "redirected")).status == status
    accepted = an_id("accepted before")
    states = ReferralState.SENT, ReferralState.RECEIVED, ReferralState.ACCEPTED
    world.service.hear(*steps("accepted before", *states, need_code=NEED))
    assert world.staff["iom"].get(acting.path_of(accepted, "redirected")).status == 409


def test_without_what_was_sent_of_the_person_it_is_said_why_not(world: World) -> None:
    name = "nothing arrived"
    world.service.hear(*steps(name, ReferralState.SENT, ReferralState.RECEIVED, need_code=NEED))
    assert moves.NOBODY_HERE in world.staff["iom"].get(path_of(an_id(name))).text
    assert world.staff["iom"].get(acting.path_of(an_id(name), "redirected")).status == 409


# -- what the other learns --------------------------------------------------------------------------------------------


def test_what_is_shown_is_what_the_other_opens_field_by_field(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    page = world.choose(id)
    shown = {html.unescape(label): html.unescape(value) for label, value in FACT.findall(page.text)}
    world.answer(id, page)
    for _ in range(2):
        said(world.console, speaker)
    opened = world.open_as("fuvadis", gateway.heard[-1][1].data.sealed)
    assert opened == ANA
    say = Saying("es", clock.now(), {})
    lines = dict(learned.sealed(say, opened))
    assert len(lines) == len(opened)
    assert lines.items() <= shown.items()
    assert f"+{ANA['phone'].removeprefix('+')}" not in page.text  # of a telephone only how it ends
    assert shown["Teléfono"] == "termina en 1049"


def test_every_field_of_a_person_and_of_a_request_has_words() -> None:
    assert learned.SEALED.keys() == PersonBlock.model_fields.keys()
    not_about = {
        *("referral_id", "recipient", "service_id", "person_id", "case_code", "need_id", "shares", "consent_id"),
        *("override", "sealed"),
    }
    told = contracts.ReferralRequested.model_fields.keys() | contracts.ReferralRequestedV1.model_fields.keys()
    assert learned.REQUEST.keys() == told - not_about


# -- two messages of one act ------------------------------------------------------------------------------------------


def test_the_consent_is_said_first_and_the_redirection_once_that_is_applied(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    gateway.becomes = {"state": "accepted", "services": []}
    for _ in range(3):
        said(world.console, speaker)
    ((key, consent),) = gateway.heard
    assert (key, consent.type, consent.staff is None) == ("iom", "consent.granted.v1", False)
    page = world.staff["iom"].get(acting.done_path(act)).text
    assert page.index(act_words.TOLD[ActState.ACCEPTED]) < page.index(act_words.FOLLOWS)
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    for _ in range(2):
        said(world.console, speaker)
    (_, consent), (key, redirected) = gateway.heard
    assert (key, redirected.type, redirected.id) == ("iom", "referral.redirected.v1", act)
    (person,) = world.console.query("select person_id from referral where referral_id = %s", id)
    granted = consent.data
    assert consent.subject == str(granted.consent_id) == str(redirected.data.consent_id)
    assert granted.person_id == person["person_id"]
    assert (granted.purposes, granted.recipients) == ((ConsentPurpose.REFER,), ("fuvadis",))
    (asked,) = world.console.query("select data -> 'request' as request from delivered where referral_id = %s", id)
    assert [*granted.field_groups] == asked["request"]["shares"]
    assert timedelta(days=90) < granted.valid_until - granted.valid_from < timedelta(days=91)
    assert (redirected.data.referral_id, redirected.data.recipient) == (id, "fuvadis")
    assert redirected.data.service_id == world.services["open"]
    assert redirected.data.reason is DeclineReason.NO_CAPACITY
    assert world.staff["iom"].get(acting.done_path(act)).leads_to == path_of(id)


def test_two_taps_and_two_browsers_are_one_act(world: World, id: UUID, speaker: Speaker, gateway: Gateway) -> None:
    page = world.choose(id)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(world.answer(id, page))) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.leads_to for one in answers} == {acting.done_path(UUID(form_of(page)))}
    for _ in range(3):
        said(world.console, speaker)
    assert world.answer(id, page).leads_to == acting.done_path(UUID(form_of(page)))
    for _ in range(2):
        said(world.console, speaker)
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1", "referral.redirected.v1"]


def test_killed_between_the_two_the_first_is_asked_after_and_the_second_said_once(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    gateway.cuts = 1  # the gateway has the consent, and its answer is lost with the process
    said(world.console, speaker)
    consent = first_of(world, act)
    assert end_of(world.console, consent)["state"] == ActState.KEPT
    assert gateway.asked == []
    with speaking(world.console, gateway) as another:
        for _ in range(3):
            said(world.console, another)
        assert gateway.asked == [consent]
        assert [message.id for _, message in gateway.heard] == [consent, act]
        gateway.asked.clear()
    assert end_of(world.console, act)["state"] == ActState.APPLIED
    with speaking(world.console, gateway) as third:  # and once more, when all is done
        said(world.console, third)
    assert len(gateway.heard) == 2


def test_killed_once_the_consent_is_applied_the_redirection_is_said_by_whoever_comes_next(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    said(world.console, speaker)
    speaker.stop()
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1"]
    assert end_of(world.console, act)["look_at"] is not None  # its turn has come, and that is written down
    with speaking(world.console, gateway) as another:
        said(world.console, another)
    assert [message.id for _, message in gateway.heard][1:] == [act]


def test_a_consent_that_is_refused_keeps_the_redirection_from_being_said(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    refused = {"service": "intake", "state": "refused", "code": "caregiver_needed"}
    gateway.becomes = {"state": "refused", "final": True, "services": [refused]}
    act = world.decide(id)
    for _ in range(3):
        said(world.console, speaker)
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1"]
    for path in (acting.done_path(act), path_of(id)):
        page = world.staff["iom"].get(path)
        assert explain("caregiver_needed", "intake") in html.unescape(page.text)
    assert act_words.BY_FIRST in world.staff["iom"].get(acting.done_path(act)).text
    assert end_of(world.console, act)["message"] is None
    assert acting.path_of(id, "redirected") in world.staff["iom"].get(path_of(id)).text  # it can be tried again


@pytest.mark.parametrize(
    ("code", "service"),
    [
        ("consent_withdrawn", "referrals"), ("consent_expired", "referrals"), ("consent_suspended", "referrals"),
        ("consent_not_fresh", "referrals"), ("service_inactive", "referrals"), ("open_referral_exists", "referrals"),
        ("confidential_needs_own_key", "referrals"), ("not_while_cancelled", "referrals"),
        ("recipient_not_allowed", "gateway"), ("sealed_to_another", "gateway"),
    ],
)  # fmt: skip
def test_a_redirection_that_is_refused_for_what_happened_since_is_told_in_words(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway, code: str, service: str
) -> None:
    act = world.decide(id)
    said(world.console, speaker)
    said_so = {"service": service, "state": "refused", "code": code}
    gateway.becomes = {"state": "refused", "final": True, "services": [said_so]}
    said(world.console, speaker)
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1", "referral.redirected.v1"]
    for path in (acting.done_path(act), path_of(id)):
        assert explain(code, service) in html.unescape(world.staff["iom"].get(path).text)
    assert act_words.TOLD[ActState.APPLIED] in world.staff["iom"].get(acting.done_path(act)).text  # the consent
    page = world.staff["iom"].get(path_of(id))
    assert acting.path_of(id, "redirected") in page.text  # nothing is under way any more


def test_what_is_undone_in_time_is_undone_whole(world: World, id: UUID, speaker: Speaker, gateway: Gateway) -> None:
    act = world.decide(id)
    path = acting.done_path(act)
    world.staff["iom"].get(path)
    world.staff["iom"].send(f"{path}/deshacer")
    for _ in range(2):
        said(world.console, speaker)
    assert gateway.heard == []
    assert [end_of(world.console, one)["state"] for one in (act, first_of(world, act))] == [ActState.UNDONE] * 2


def test_while_the_consent_is_not_applied_the_redirection_can_still_be_undone(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    gateway.becomes = {"state": "quarantined", "final": False, "services": []}
    said(world.console, speaker)
    path = acting.done_path(act)
    assert f"{path}/deshacer" in world.staff["iom"].get(path).text
    world.staff["iom"].send(f"{path}/deshacer")
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    for _ in range(3):
        said(world.console, speaker)
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1"]
    assert end_of(world.console, act)["state"] == ActState.UNDONE


def test_who_is_suspended_meanwhile_says_nothing_more(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    said(world.console, speaker)
    world.console.query("update staff set status = 'suspended' where login = 'redirects.iom'")
    try:
        said(world.console, speaker)
    finally:
        world.console.query("update staff set status = 'active' where login = 'redirects.iom'")
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1"]
    assert end_of(world.console, act)["code"] == "staff_suspended"


def test_what_an_erased_person_was_to_be_passed_on_with_is_gone(
    world: World, id: UUID, speaker: Speaker, gateway: Gateway
) -> None:
    act = world.decide(id)
    gateway.becomes = {"state": "accepted", "services": []}
    said(world.console, speaker)
    (row,) = world.console.query("select person_id from referral where referral_id = %s", id)
    world.service.hear(says(contracts.PersonErased(person_id=row["person_id"], erased_at=clock.now())))
    world.console.query("insert into forgotten_referral (referral_id) values (%s) on conflict do nothing", id)
    gateway.becomes = {"state": "applied", "final": True, "services": []}
    for _ in range(2):
        said(world.console, speaker)
    assert [message.type for _, message in gateway.heard] == ["consent.granted.v1"]
    assert end_of(world.console, act)["message"] is None


# -- the consent ------------------------------------------------------------------------------------------------------


def test_what_the_person_allowed_before_is_not_asked_again(
    world: World, speaker: Speaker, gateway: Gateway, request: pytest.FixtureRequest
) -> None:
    groups = (FieldGroup.IDENTITY, FieldGroup.CONTACT)
    id = world.refer(request.node.nodeid, shares=groups)
    (row,) = world.console.query("select person_id from referral where referral_id = %s", id)
    person: dict[str, Any] = {
        "person_id": row["person_id"], "granted_to": "iom", "recipients": ("fuvadis", "americares"),
        "purposes": (ConsentPurpose.REFER,), "field_groups": groups, "valid_from": clock.now() - timedelta(days=2),
        "valid_until": clock.now() + timedelta(days=9),
    }  # fmt: skip
    too_little: tuple[dict[str, Any], ...] = (
        {"granted_to": "redcross"},
        {"recipients": ("americares",)},
        {"purposes": (ConsentPurpose.SERVE,)},
        {"field_groups": groups[:1]},
        {"valid_until": clock.now() - timedelta(hours=1)},
        {"valid_from": clock.now() + timedelta(hours=5)},
        {"person_id": uuid4()},
    )
    for other in too_little:
        world.service.hear(says(consent_recorded("x", **{**person, "consent_id": uuid4(), **other})))
    assert 'name="agreed"' in world.choose(id).text
    enough = uuid4()
    world.service.hear(says(consent_recorded("x", **person, consent_id=enough)))
    page = world.choose(id)
    assert 'name="agreed"' not in page.text
    assert "no hace falta preguntarle" in page.text
    assert 'name="agreed"' not in world.choose(id, "silent").text
    answer = world.answer(id, page)
    assert answer.leads_to is not None
    said(world.console, speaker)
    ((_, message),) = gateway.heard
    assert (message.type, message.data.consent_id) == ("referral.redirected.v1", enough)


def test_a_consent_that_ends_between_the_page_and_the_tap_is_asked_for(
    world: World, id: UUID, request: pytest.FixtureRequest
) -> None:
    (row,) = world.console.query("select person_id from referral where referral_id = %s", id)
    consent = uuid4()
    world.service.hear(
        says(
            consent_recorded(
                "x", person_id=row["person_id"], granted_to="iom", recipients=("fuvadis",), consent_id=consent,
                purposes=(ConsentPurpose.REFER,), field_groups=tuple(FieldGroup), valid_until=None,
            )
        )
    )  # fmt: skip
    page = world.choose(id)
    assert "No termina hasta que lo retire" in page.text
    world.service.hear(says(contracts.ConsentSuspended(consent_id=consent, suspended_at=clock.now())))
    answer = world.answer(id, page)
    assert answer.status == 422
    assert 'name="agreed"' in answer.text
    assert world.console.query("select from act where referral_id = %s", id) == []


def test_without_a_yes_or_with_what_the_form_does_not_offer_nothing_is_kept(world: World, id: UUID) -> None:
    for name, value in {"agreed": "", "lasts": "36500", "given_by": "me", "manner": "", "reason": "duplicate"}.items():
        answer = world.send(id, **{name: value})
        assert answer.status == 422, name
        assert f'href="#{name}"' in answer.text
    assert world.console.query("select from act where referral_id = %s", id) == []


def test_what_waited_is_shown_again_but_the_yes_is_asked_anew(world: World, id: UUID) -> None:
    world.choose(id)
    browser, path = world.staff["iom"], acting.path_of(id, "redirected")
    browser.send("/escrito", a=path, service=str(world.services["open"]), reason="no_capacity", **YES)
    page = world.choose(id)
    assert re.search(r'name="reason" value="no_capacity" checked', page.text)
    assert not re.search(r'name="agreed" value="yes" checked', page.text)
    assert world.answer(id, page, reason="").status == 422
    assert re.search(r'name="agreed" value="yes" checked', browser.get(browser.at).text)  # said on this very page
    world.console.query("delete from kept_form")


def test_of_a_child_only_who_answers_for_it_consents(world: World, request: pytest.FixtureRequest) -> None:
    minor = contracts.referral.Minor(caregiver_is_sealed=True, unaccompanied=False, best_interest_assessed=True)
    id = world.refer(request.node.nodeid, minor=minor)
    page = world.choose(id)
    assert re.search(r'name="given_by" value="caregiver"', page.text)
    assert not re.search(r'name="given_by" value="person"', page.text)
    assert world.answer(id, page).status == 422
    assert world.answer(id, page, given_by="caregiver").leads_to is not None


# -- what is opened ---------------------------------------------------------------------------------------------------


def test_each_look_and_each_sealing_is_in_the_audit_before_it_and_nothing_of_it_is_kept(
    world: World, id: UUID, speaker: Speaker
) -> None:
    world.console.query("delete from kept_form")
    act = world.decide(id)
    opened, sealed = (world.console.acts(name)[-1]["details"] for name in ("opened", "sealed_anew"))
    (block,) = world.console.query("select id from sealed_block where referral_id = %s", id)
    for details in (opened, sealed):
        assert str(block["id"]) in details
        assert '"purpose":"redirected"' in details.replace(" ", "")
    assert '"recipient":"fuvadis"' in sealed.replace(" ", "")
    assert len([one for one in world.console.acts("act_kept") if str(act) in one["details"]]) == 1
    said(world.console, speaker)
    everything = world.box.everything() + world.custody.log.read_text()
    assert [one for one in PLANTED if one in everything] == []


def test_with_custody_away_nothing_is_kept_and_it_is_said(world: World, id: UUID) -> None:
    page = world.choose(id)
    socket = world.custody.socket
    away = socket.with_suffix(".away")
    socket.rename(away)
    try:
        for answer in (world.choose(id), world.answer(id, page)):
            assert redirecting.AWAY in answer.text
    finally:
        away.rename(socket)
    assert world.console.query("select from act where referral_id = %s", id) == []
    assert world.answer(id, page).leads_to is not None


def test_another_block_than_was_shown_is_not_passed_on(world: World, id: UUID) -> None:
    page = world.choose(id)
    assert world.answer(id, page, bloque=str(uuid4())).status == 409
    assert world.console.query("select from act where referral_id = %s", id) == []


def test_whoever_is_suspended_between_the_page_and_the_tap_is_not_sent_anybody(world: World, id: UUID) -> None:
    page = world.choose(id)
    for status in (OrganisationStatus.SUSPENDED, OrganisationStatus.ACTIVE):
        world.console.say("fuvadis", status)
        if status is OrganisationStatus.SUSPENDED:
            answer = world.answer(id, page)
    assert answer.status == 422
    assert world.console.query("select from act where referral_id = %s", id) == []


def test_nobody_reads_people_off_these_pages_like_a_list(
    world: World, id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redirecting, "OPENED_BY_A_PERSON", Pace(at_once=0, every=10.0))
    assert world.choose(id).status == 429

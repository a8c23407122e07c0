"""Every page with an id in its address, for every role: with another's id it is, byte by byte, as with nobody's."""

import contextlib
import re
from typing import Any
from uuid import UUID

import pytest

from hub.console.web import app
from hub.console.web.case import path_of
from hub.console.web.permissions import MAY, Role, may_come
from hub.console.web.screen import Screen
from tests.examples_reports import an_id, referred, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, TOKEN, Answer, Browser, Console, Running

ID = re.compile(r"\{\w+:uuid\}")
ANOTHERS, UNKNOWN, OWN = an_id("another's"), an_id("nobody's"), an_id("own")
OF_A_CASE = {"case", "person", "act", "redirect", "holder", "looks"}
OF_OPERATIONS = {"message", "operation", "operation_stopped", "replay", "replay_stopped", "replay_resumed",
                 "replay_reviewed"}  # fmt: skip
"""What has no organisation: whoever operates the network sees all of it, in ids and codes."""
SEES_ALL = {Role.COORDINATOR, Role.AUDITOR}
Said = tuple[int, list[tuple[str, str]], str]


def with_ids(console: Console) -> list[Screen]:
    """The pages in whose address an id stands."""
    screens = app.all_screens(console.settings)
    return [one for one in screens if ID.search(one.path) and one.name not in OF_OPERATIONS]


@pytest.fixture(scope="module")
def browsers(console: Console, running: Running) -> dict[Role, Browser]:
    """Somebody of each role; a case and an act of theirs, and one that two other organisations have between them."""
    console.host(CENTRE)
    console.host("redcross")
    console.host("americares")
    with contextlib.closing(Kept(console.url)) as service:
        service.hear(
            says(referred("x", referral_id=ANOTHERS, sender="americares", recipient="iom")),
            says(referred("y", referral_id=OWN, sender="redcross", recipient="iom")),
        )
    for id, organisation in ((ANOTHERS, "americares"), (OWN, "redcross")):
        console.query(
            "insert into act (message_id, batch, organisation, staff, referral_id, contract, say_at)"
            " values (%s, %s, %s, 's', %s, 'referral.accepted.v1', now() + interval '1 hour')",
            id, id, organisation, id,
        )  # fmt: skip
    found = {}
    for role in Role:
        found[role] = Browser(running)
        organisation = "redcross" if role is Role.PARTNER_STAFF else CENTRE
        console.enrol(found[role], f"others.{role}", role, organisation=organisation)
    return found


def asked(browser: Browser, screen: Screen, method: str, id: UUID) -> Answer:
    """What is answered to an id."""
    path = ID.sub(str(id), screen.path).replace("{name}", "accepted")
    browser.get("/")
    return browser.get(path) if method == "GET" else browser.send(path, formulario=str(id))


def said(answer: Answer, id: UUID) -> Said:
    """All of an answer but for what is another in each: its number, the mask of its token, the id itself."""
    headers = [header for header in answer.headers if header[0] != "x-request-id"]
    text = re.sub(r"[0-9a-f]{32}(?=<)", "", TOKEN.sub("", answer.text)).replace(str(id), "")
    return answer.status, headers, text


def test_with_anothers_id_a_page_is_as_with_nobodys(console: Console, browsers: dict[Role, Browser]) -> None:
    tried = set()
    for screen in with_ids(console):
        for role, browser in browsers.items():
            if role in SEES_ALL and screen.name in OF_A_CASE and may_come(screen.name, [role]):
                continue
            for method in ("GET", "POST"):
                where = f"{method} {screen.name} as {role}"
                others, nobodys = (said(asked(browser, screen, method, id), id) for id in (ANOTHERS, UNKNOWN))
                assert others == nobodys, where
                assert others[0] in (404, 405), where
                tried.add((screen.name, role))
    assert {name for name, role in tried if role is Role.PARTNER_STAFF} == {one.name for one in with_ids(console)}
    assert tried >= {(name, Role.COORDINATOR) for name in ("act_done", "act_undone", "acts_done", "acts_undone")}


def test_what_is_ones_own_is_there(console: Console, browsers: dict[Role, Browser]) -> None:
    """Or else nothing would be told apart by the test above."""
    for screen in with_ids(console):
        if may_come(screen.name, [Role.PARTNER_STAFF]):
            method = "GET" if screen.get else "POST"
            assert asked(browsers[Role.PARTNER_STAFF], screen, method, OWN).status not in (404, 405), screen.name


def test_nothing_has_come_of_what_was_tried(console: Console, browsers: dict[Role, Browser]) -> None:
    def kept() -> list[dict[str, Any]]:
        return console.query("select message_id, state from act where message_id <> %s order by message_id", OWN)

    before = kept()
    for screen in with_ids(console):
        if screen.post is not None:
            asked(browsers[Role.PARTNER_STAFF], screen, "POST", ANOTHERS)
    assert kept() == before
    assert console.query("select referral_id from assignment") == []


def test_every_page_without_an_id_of_its_own_is_of_whoever_asks(console: Console) -> None:
    """What else stands in an address is declared here: an id that comes in another form would pass the tests above."""
    known = {"{bucket}", "{language}", "{organisation}", "{name}", "{anything:path}", "{path:path}"}
    for screen in app.all_screens(console.settings):
        assert {*re.findall(r"\{[^}]*\}", ID.sub("", screen.path))} <= known, screen.name
    assert {screen.name for screen in with_ids(console)} | OF_OPERATIONS <= MAY.keys()
    assert path_of(OWN) == f"/caso/{OWN}"

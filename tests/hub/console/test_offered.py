"""What a page offers is what whoever sees it may do: each link and each form of each page, for every role."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.routing import compile_path

from contracts.codes import ReferralState, ReminderAbout
from hub.console.inbox import storing
from hub.console.web import app, permissions
from hub.console.web.permissions import ANYBODY, MAY, Role
from hub.console.web.screen import Screen
from messaging import database
from tests.examples_reports import an_id, referred, says
from tests.hub.console.custody.boxes import offered
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Running

CASE = an_id("sent to the centre")
PATH = f"/caso/{CASE}"
OFFERS = re.compile(r"Ver nombre y teléfono|¿Qué hacemos\?|Tomar|/hecho/")
PAGES = 200  # of one role


@pytest.fixture(scope="module")
def browsers(console: Console, running: Running) -> dict[Role, Browser]:
    """Somebody of each role at the centre, which uses the screens; and what it was sent, waiting for its answer."""
    console.host(CENTRE)
    with contextlib.closing(Kept(console.url)) as service:
        fact = referred(
            "x", referral_id=CASE, sender="redcross", recipient=CENTRE, state=ReferralState.SENT,
            waits_for=ReminderAbout.RECEIPT,
        )  # fmt: skip
        service.hear(says(fact))
    with database.connect(console.url) as connection:
        sent = offered(console.private[CENTRE], CENTRE, referral_id=CASE)
        storing.keep(connection, CENTRE, [sent.to_json()])
    console.query(
        "insert into act (message_id, organisation, staff, referral_id, contract, say_at, state)"
        " values (%s, %s, 's', %s, 'referral.note_added.v1', now(), 'undone')",
        an_id("act"), CENTRE, CASE,
    )  # fmt: skip
    found = {}
    for role in Role:
        found[role] = Browser(running)
        console.enrol(found[role], f"offered.{role}", role, organisation=CENTRE)
    return found


class Offered(HTMLParser):
    """What a page leads to: the method and the address of each link and each form that can be used."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        said: dict[str, Any] = dict(attributes)
        if tag == "a" and said.get("href", "").startswith("/"):
            self.found.append(("GET", unescape(said["href"]).partition("#")[0]))
        if tag == "form":
            self.found.append((said.get("method", "get").upper(), unescape(said["action"]).partition("#")[0]))


def screen_of(path: str, screens: Sequence[Screen]) -> Screen:
    """Which page an address is of: the first that has it, as the application has it."""
    return next(one for one in screens if compile_path(one.path)[0].match(path.partition("?")[0]))


def pages_of(role: Role, screens: Sequence[Screen]) -> Iterator[str]:
    """Where a role's pages begin: each that has an address of its own, and the case's."""
    for one in screens:
        if one.get and "{" not in one.path and MAY[one.name] is not ANYBODY and permissions.may_come(one.name, [role]):
            yield one.path
    if permissions.may_come("case", [role]):
        yield PATH


@pytest.mark.parametrize("role", Role)
def test_whatever_a_page_offers_whoever_sees_it_may_do(
    console: Console, browsers: dict[Role, Browser], role: Role
) -> None:
    screens, browser = app.all_screens(console.settings), browsers[role]
    refused = len(console.acts("access_refused"))
    due, seen, wrong = [*pages_of(role, screens)], set[str](), set[str]()
    while due and len(seen) < PAGES:
        page = due.pop(0)
        if page in seen:
            continue
        seen.add(page)
        answer = browser.get(page)
        if answer.status in (403, 404, 405):
            wrong.add(f"{page} is not there")
        if answer.status != 200 or not (answer.header("content-type") or "").startswith("text/html"):
            continue
        for method, path in Offered(answer.text).found:
            screen = screen_of(path, screens)
            handler = screen.post if method == "POST" else screen.get
            if handler is None or screen.name == "nothing" or not permissions.may_come(screen.name, [role]):
                wrong.add(f"{page}: {method} {path}")
            elif method == "GET" and MAY[screen.name] is not ANYBODY:
                due.append(path)
    assert PATH in seen or not permissions.may_come("case", [role])
    assert not wrong
    assert len(console.acts("access_refused")) == refused


def test_who_works_on_cases_is_offered_what_who_audits_is_not(browsers: dict[Role, Browser]) -> None:
    for role, offers in ((Role.PARTNER_STAFF, True), (Role.COORDINATOR, True), (Role.AUDITOR, False)):
        text = browsers[role].get(PATH).text
        assert bool(OFFERS.search(text)) == offers, role


def test_an_auditors_look_opens_nothing_for_those_who_decide(console: Console, browsers: dict[Role, Browser]) -> None:
    console.query("delete from opened where referral_id = %s", CASE)
    assert browsers[Role.AUDITOR].get(PATH).status == 200
    assert console.query("select from opened where referral_id = %s", CASE) == []
    assert "nueva" in browsers[Role.PARTNER_STAFF].get("/hoy").text
    assert browsers[Role.PARTNER_STAFF].get(PATH).status == 200
    assert len(console.query("select from opened where referral_id = %s", CASE)) == 1

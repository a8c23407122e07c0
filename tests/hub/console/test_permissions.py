"""Who may come to which page: every route times every role; a route that nobody has declared, and how it is found."""

import contextlib
from datetime import timedelta

import pytest

from hub.console.web import app, permissions
from hub.console.web.permissions import ALL_STAFF, ANYBODY, MAY, Role, UndeclaredError, check
from hub.console.web.screen import Screen
from messaging import clock
from tests.examples_reports import an_id, referred, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Running, roles_of

OF_LISTS = {"referrals", "referrals_file", "views", "view_dropped", "case"}
OF_CASES = OF_LISTS | {"today", "search", "found", "person", "act", "act_done", "act_undone", "notices", "notices_code",
                       "agenda", "holder", "absence", "absence_ended", "redirect", "work", "work_file"}  # fmt: skip
# What each role may come to beside what everybody who has come in may.
MORE = {
    Role.COORDINATOR: OF_CASES | {"looks", "chase_all", "acts_done", "acts_undone", "office", "office_code"},
    Role.PARTNER_STAFF: OF_CASES,
    Role.AUDITOR: OF_LISTS | {"looks", "audit"},
    Role.ADMINISTRATOR: {"audit", "recovery", "office", "office_code"},
    Role.OPERATIONS: {"alerts", "messages", "message", "state", "queues", "waits", "organisations", "topology",
                      "audit", "failures", "operation", "operation_stopped", "replays", "replay", "replay_stopped",
                      "replay_resumed", "replay_reviewed"},
}  # fmt: skip


CASE = an_id("everybody's")


def path_of(screen: Screen, role: Role | None = None) -> str:
    """Where a page is: of a case that all who may come to such a page may see, of an act of their organisation."""
    filled_in = {"{referral_id:uuid}": str(CASE), "{name}": "accepted", "{message_id:uuid}": str(an_id(at_work(role))),
                 "{organisation}": "iom", "{id:uuid}": str(CASE), "{batch:uuid}": str(an_id(CENTRE)),
                 "{operation_id:uuid}": str(CASE), "{bucket}": "overdue"}  # fmt: skip
    path = screen.path
    for name, value in filled_in.items():
        path = path.replace(name, value)
    return path


def at_work(role: Role | None) -> str:
    """The organisation of whoever has a role here."""
    return "redcross" if role is Role.PARTNER_STAFF else CENTRE


@pytest.fixture(scope="module")
def browsers(console: Console, running: Running) -> dict[Role, Browser]:
    """Somebody of each role, and a case that the Red Cross has a part in."""
    console.host(CENTRE)
    with contextlib.closing(Kept(console.url)) as service:
        service.hear(says(referred("x", referral_id=CASE, sender="redcross", recipient="iom")))
    found = {}
    for role in Role:
        found[role] = Browser(running)
        console.enrol(found[role], f"role.{role}", role, organisation=at_work(role))
    for organisation in ("redcross", CENTRE):
        console.query(
            "insert into act (message_id, batch, organisation, staff, referral_id, contract, say_at)"
            " values (%s, %s, %s, 's', %s, 'referral.accepted.v1', now())",
            an_id(organisation), an_id(organisation), organisation, CASE,
        )  # fmt: skip
    return found


def guarded(console: Console) -> list[Screen]:
    """The pages that are for staff, but for what is found at an address that is none."""
    screens = app.all_screens(console.settings)
    return [one for one in screens if MAY[one.name] is not ANYBODY and one.name != "nothing"]


def test_everybody_comes_to_what_is_theirs_and_to_nothing_else(console: Console, browsers: dict[Role, Browser]) -> None:
    console.look(clock.now() + timedelta(minutes=5))
    for screen in guarded(console):
        for role, browser in browsers.items():
            may = screen.name in MORE[role] or MAY[screen.name] == ALL_STAFF
            for method, handler in (("GET", screen.get), ("POST", screen.post)):
                browser.get("/")
                path = path_of(screen, role)
                answer = browser.get(path) if method == "GET" else browser.send(path)
                where = f"{method} {path} as {role}"
                if not may:
                    assert answer.status == 404, where
                elif handler is None:
                    assert answer.status == 405, where
                else:
                    assert answer.status < 500, where
                    assert answer.status != 404, where


def test_whoever_has_not_come_in_is_sent_to_do_so_from_every_page(console: Console, browser: Browser) -> None:
    for screen in guarded(console):
        path = path_of(screen)
        assert browser.get(path).leads_to == f"/entrar?a={path}"
        browser.get("/entrar")
        assert browser.send(path).leads_to == "/entrar"


def test_the_navigation_has_what_one_may_come_to(console: Console, browsers: dict[Role, Browser]) -> None:
    labelled = [one for one in guarded(console) if one.label]
    assert labelled
    for role, browser in browsers.items():
        home = browser.get("/").text
        for screen in labelled:
            assert (f'href="{screen.path}"' in home) == permissions.may_come(screen.name, [role]) or screen.path == "/"


def test_a_role_that_was_taken_away_is_gone_with_the_next_request(console: Console, running: Running) -> None:
    browser = Browser(running)
    person = console.enrol(browser, "demoted", "administrator", organisation=CENTRE)
    assert browser.get("/recuperar").status == 200
    console.query("update staff set roles = array['auditor'] where code = %s", person.code)
    assert browser.get("/recuperar").status == 404


@pytest.mark.parametrize(
    ("routes", "may", "said"),
    [
        (["a", "b"], {"a": ANYBODY}, "b has no permission"),
        (["a"], {"a": ALL_STAFF, "b": ALL_STAFF}, "b is no route"),
        (["a", "a"], {"a": ALL_STAFF}, "a is there twice"),
        (["a"], {"a": frozenset[Role]()}, "nobody may come to a"),
    ],
)
def test_routes_and_permissions_that_do_not_agree_are_named(
    routes: list[str], may: dict[str, frozenset[Role] | None], said: str
) -> None:
    with pytest.raises(UndeclaredError, match=said):
        check(routes, may)


def test_with_a_planted_page_that_nobody_has_declared_nothing_starts(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    screens = (*app.all_screens(console.settings), Screen("planted", "/planted", get=lambda visit: visit.go("/")))
    monkeypatch.setattr(app, "all_screens", lambda _: screens)
    with pytest.raises(UndeclaredError, match="planted has no permission"):
        app.make_app(console.settings)


def test_every_route_of_the_application_is_a_page_with_a_permission(console: Console, running: Running) -> None:
    screens = {one.path for one in app.all_screens(console.settings)}
    assert {getattr(one, "path", None) for one in running.app.routes} == {app.STATIC, app.STOPPED_AT, *screens}


def test_roles_of_the_centre_count_as_long_as_the_organisation_coordinates(
    console: Console, browsers: dict[Role, Browser]
) -> None:
    console.say_roles(CENTRE, ["partner", "custody"])
    try:
        assert browsers[Role.ADMINISTRATOR].get("/recuperar").status == 404
        for role in permissions.OF_THE_CENTRE:
            for screen in guarded(console):
                if screen.get is not None and screen.name in MORE[role]:
                    assert browsers[role].get(path_of(screen)).status == 404, f"{screen.name} as {role}"
            browsers[role].get("/")
            assert browsers[role].send("/recuperar", staff="s-anybody").status == 404
    finally:
        console.say_roles(CENTRE, roles_of(CENTRE))
    assert browsers[Role.ADMINISTRATOR].get("/recuperar").status == 200

"""All of `./ruta bench console`: what the console's pages cost where there are a million referrals."""

import contextlib
import math
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from bench.console import acting, looks, people, slow, statements, world
from bench.console.browsing import ENROLMENT, Answer, Browser, Remote, Running, enrol
from bench.console.looks import COORDINATOR, FLOOR, LARGE_STAFF, SMALL_STAFF, STAFF, Look
from bench.console.world import LARGE, SMALL, World
from contracts.sealing import load_key, public_part
from deploy.local import OperatorError, Stack, staff
from deploy.local.process import Process, Program
from deploy.local.processes import hub_programs
from deploy.local.provision import provision
from deploy.local.trail import trail
from hub.console.custody.__main__ import NAME as CUSTODY
from hub.console.custody.keys import Keys
from hub.console.web import app as web
from hub.console.web import listing
from hub.console.web.case import path_of
from hub.console.web.settings import Settings
from messaging import clock, topology
from messaging.topology import CONSOLE, CONSOLE_WEB, GATEWAY, DeclaredNetwork

ON_PAGE: Final = 50  # rows of the list
FAR: Final = 2_000  # the page that is far behind
WEIGHT: Final = 60 * 1024  # bytes of a first visit
APART: Final = 0.05, 0.5  # how far medians of what is hidden and what is not there may be apart: of the one; ms
ORGANISATION: Final = {LARGE_STAFF: LARGE, SMALL_STAFF: SMALL, COORDINATOR: LARGE}
PARTS: Final = {
    "lists": ("Hoy", "Agenda", "list", "sent", "received", "a common", "a rare", "a state", "nothing found"),
    "search": ("Buscar",),
    "counts": ("Hoy",),
    "case": ("Caso",),
}
"""Which pages are summed up as one, by how their names begin; Hoy is the list that counts what waits."""
WITHIN_MS: Final = 100.0  # at p95, for every page of each of them
SERVING: Final = "bench.console.serving"
FILES: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    referrals: int
    requests: int
    """Of each of PARTS, at least."""
    least: int
    """Of each page, at least."""
    pairs: int
    slow_visits: int
    acting: acting.Plan


FULL: Final = Plan(
    referrals=1_000_000,
    requests=2_000,
    least=100,
    pairs=500,
    slow_visits=10,
    acting=acting.Plan(acts=100, batch=8_000),
)
QUICK: Final = Plan(
    referrals=1_000_000,
    requests=400,
    least=20,
    pairs=500,
    slow_visits=3,
    acting=acting.Plan(acts=20, batch=2_000),
)


def measure(directory: Path, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure it; returns the figures."""
    pages = _of_pages(directory, plan, say)
    act = acting.measure(directory / "network", plan.acting, say)
    worst = max(act[name]["p95_ms"] for name in ("alone", "beside"))
    return pages | {"acting": act, "act_p95_ms": worst}


def _of_pages(directory: Path, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    shutil.rmtree(directory, ignore_errors=True)  # of a run before: who takes part there may be others
    with Stack(directory) as stack:
        for name in (GATEWAY, CONSOLE):
            stack.drop_database(name)
        network = _declared()
        provision(stack, network)
        keys = Keys(stack.state.organisations)
        began = time.monotonic()
        with psycopg.connect(stack.service_database_url(CONSOLE)) as connection:
            made = world.fill(connection, plan.referrals, now=clock.now())
            key = public_part(load_key(stack.state.organisations / LARGE / "private.jwk"))
            known = people.fill(connection, made.longest, keys.index(LARGE), key)
            far = {who: world.behind(connection, ON_PAGE * (FAR - 1), whose)
                   for who, whose in ((LARGE_STAFF, LARGE), (COORDINATOR, None))}  # fmt: skip
        say(f"made {plan.referrals:,} referrals and their people in {time.monotonic() - began:.0f} s")
        asked = looks.looks(made, far, known)
        programs = {one.name: one for one in hub_programs(stack, network)}
        program = _widened(programs[CONSOLE_WEB])
        with _running(programs[CUSTODY]), _running(program):
            port = urlsplit(f"//{program.environment['CONSOLE_LISTEN']}").port
            assert port is not None
            remote = Remote(port)
            browsers = _staff(stack, remote)
            began = time.monotonic()
            figures = {
                "referrals": plan.referrals,
                "pages": _times(browsers, asked, plan),
                "weight": _weight(asked, browsers),
                "hidden": _hidden(browsers[SMALL_STAFF], made, plan.pairs),
            }
            say(f"asked for pages in {time.monotonic() - began:.0f} s")
            figures["slow"] = slow.measure(
                remote.address, listing.PATH, browsers[LARGE_STAFF].cookies, plan.slow_visits
            )
            settings = Settings.from_environment(program.environment)
            with psycopg.connect(settings.database_url, options=web.OPTIONS) as connection:
                read = {"statements": _statements(connection, settings, browsers, asked, keys.index(LARGE))}
                return figures | summary(figures) | read


def _declared() -> DeclaredNetwork:
    """The network of the file, with an organisation that has the console beside its own systems."""
    network = topology.read()
    large = network.seeds[LARGE]
    hosted = {**large, "systems": {**large.get("systems", {}), "console": {"copies": ["*"], "amqp": False}}}
    return replace(network, seeds={**network.seeds, LARGE: hosted})


def _widened(program: Program) -> Program:
    """The console's pages for who searches and opens without end."""
    return replace(program, command=[sys.executable, "-P", "-m", SERVING], module=())


@contextlib.contextmanager
def _running(program: Program) -> Iterator[None]:
    process = Process(program)
    try:
        process.start()
        process.wait_ready()
        yield
        if process.pid is None:
            raise OperatorError(f"{process.name} ended by itself: {process.why()}")
    finally:
        process.stop()


def _staff(stack: Stack, remote: Remote) -> Mapping[str, Browser]:
    """Whoever looks, each come in by a browser of their own."""
    browsers = {}
    for who, role in STAFF.items():
        with trail(stack.service_database_url(CONSOLE), stack.state, stack.state.console_audit) as noted:
            said = staff.StaffOffice(noted, stack.state).add(
                who, organisation=ORGANISATION[who], login=who, roles=[role]
            )
        code = ENROLMENT.search(said)
        assert code is not None
        browsers[who] = Browser(remote, encoding="gzip")  # as browsers ask
        enrol(browsers[who], said.split()[0], who, code[0])
    return browsers


def _times(browsers: Mapping[str, Browser], asked: Sequence[Look], plan: Plan) -> dict[str, Any]:
    """Every page so often as its part is to be asked, one among the others; the first of each is not counted."""
    chance, took = random.Random(1), {one.name: list[float]() for one in asked}  # noqa: S311 - no secret
    for one in asked:
        one.at(browsers)
    often = times_of([one.name for one in asked], plan)
    for one in chance.sample(asked, counts=[often[one.name] for one in asked], k=sum(often.values())):
        took[one.name].append(one.at(browsers).seconds * 1000)
    floor = median(took[FLOOR])
    floor_p95 = _p95(took[FLOOR])
    return {
        name: {
            "requests": len(all),
            "p50_ms": round(median(all), 2),
            "p95_ms": round(_p95(all), 2),
            "max_ms": round(max(all), 2),
            "p50_of_floor": round(median(all) / floor, 2),
            "p95_of_floor": round(_p95(all) / floor_p95, 2),
        }
        for name, all in took.items()
    }


def times_of(names: Sequence[str], plan: Plan) -> dict[str, int]:
    """How often each page is asked for, so that each of PARTS is as often as it is to be."""
    often = dict.fromkeys(names, plan.least)
    for begins in PARTS.values():
        of_part = [name for name in names if name.startswith(begins)]
        for name in of_part:
            often[name] = max(often[name], math.ceil(plan.requests / len(of_part)))
    return often


def _p95(milliseconds: Sequence[float]) -> float:
    return quantiles(milliseconds, n=20, method="inclusive")[-1]


def _weight(asked: Sequence[Look], browsers: Mapping[str, Browser]) -> dict[str, Any]:
    """Bytes of each page with the files that it names, as they are sent to a browser, and as they are."""
    found = {}
    for one in asked:
        page = one.at(browsers)
        if page.status == 200:
            all = [page, *(_file(browsers[one.by], path) for path in dict.fromkeys(FILES.findall(page.text)))]
            found[one.name] = {
                "bytes": sum(len(each.text.encode()) for each in all),
                "sent": sum(len(each.body) for each in all),
            }
    return found


def _file(browser: Browser, path: str) -> Answer:
    page = browser.page
    try:
        return browser.get(path)
    finally:
        browser.page = page  # that it came with


def _hidden(browser: Browser, made: World, pairs: int) -> dict[str, Any]:
    """Cases that are another's, and ids that are none's, in turn."""
    chance = random.Random(2)  # noqa: S311 - no secret
    took: dict[str, list[float]] = {"hidden": [], "unknown": []}
    for number in range(pairs):
        hidden = chance.choice(made.of_others)
        unknown = UUID(int=hidden.int ^ chance.getrandbits(60))
        order = [("hidden", hidden), ("unknown", unknown)]
        for name, id in order if number % 2 else reversed(order):
            answer = browser.get(path_of(id))
            if answer.status != 404:
                raise OperatorError(f"a case that is {name} was answered with {answer.status}")
            took[name].append(answer.seconds * 1000)
    hidden_ms, unknown_ms = median(took["hidden"]), median(took["unknown"])
    return {
        "pairs": pairs,
        "hidden_p50_ms": round(hidden_ms, 3),
        "unknown_p50_ms": round(unknown_ms, 3),
        "apart_ms": round(abs(hidden_ms - unknown_ms), 3),
    }


def _statements(
    connection: Any, settings: Settings, browsers: Mapping[str, Browser], asked: Sequence[Look], index_key: bytes
) -> dict[str, Any]:
    """How the statements of each page read tables, from the same application within this process.

    With those by which custody finds people, which is another process: the same function is asked here, too.
    """
    running = Running(web.make_app(settings))
    try:
        here = {who: Browser(running, cookies=dict(one.cookies)) for who, one in browsers.items()}
        found, wrong = {}, []
        for one in asked:
            with statements.recorded() as said:
                one.at(here)
            read = [reading for each in said for reading in statements.readings(connection, each)]
            connection.rollback()
            if one.asks_custody and one.typed:
                read += statements.of_custody(settings.database_url, ORGANISATION[one.by], index_key, one.typed,
                                              coordinates=STAFF[one.by] == "coordinator")  # fmt: skip
            found[one.name] = {"statements": len(said), "most_rows": max((each.rows for each in read), default=0)}
            wrong += [f"{one.name}: {each.rows:,} rows of {each.table} by {each.by or 'no index'}"
                      for each in statements.too_much(connection, read)]  # fmt: skip
        return {"pages": found, "too_much": sorted(set(wrong))}
    finally:
        running.stop()


def summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The slowest p95 of each kind of page, and the heaviest first visit as it is sent."""
    pages = figures["pages"]
    parts = {}
    for part, begins in PARTS.items():
        of_part = [said for name, said in pages.items() if name.startswith(begins)]
        parts[part] = {
            "p95_ms": max(said["p95_ms"] for said in of_part),
            "requests": sum(said["requests"] for said in of_part),
        }
    heaviest = max(one["sent"] for one in figures["weight"].values())
    return parts | {"first_visit_kb": round(heaviest / 1024, 1), "rows": figures["referrals"]}


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    read = figures["statements"]["pages"]
    yield (
        f"{'page':<34}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}{'of the floor':>14}"
        f"{'most rows':>11}{'KB':>7}{'as sent':>9}"
    )
    for name, said in figures["pages"].items():
        weight = figures["weight"].get(name)
        weighs = f"{weight['bytes'] / 1024:7.1f}{weight['sent'] / 1024:9.1f}" if weight else ""
        yield (
            f"{name:<34}{said['p50_ms']:8.1f}{said['p95_ms']:8.1f}{said['max_ms']:8.1f}"
            f"{said['p50_of_floor']:7.1f}{said['p95_of_floor']:7.1f}{read[name]['most_rows']:11,}{weighs}"
        )
    hidden = figures["hidden"]
    yield (
        f"another's case {hidden['hidden_p50_ms']:.2f} ms, an unknown one {hidden['unknown_p50_ms']:.2f} "
        f"({hidden['pairs']} pairs)"
    )
    for name, one in goals(figures).items():
        verdict = "reached" if one["reached"] else "missed"
        yield f"{name} is {one['measured']:g}; the goal is at most {one['goal']:g}: {verdict}"
    yield from acting.lines(figures["acting"])
    yield from figures["statements"]["too_much"]


def goals(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was aimed at, and whether it was reached."""
    heaviest = max(one["sent"] for one in figures["weight"].values())
    hidden = figures["hidden"]
    measured = {
        **{
            f"p95 of the slowest of {part}, ms ({figures[part]['requests']:,} requests)": (
                figures[part]["p95_ms"], WITHIN_MS
            )
            for part in PARTS
        },
        "the heaviest first visit as it is sent, KB": (round(heaviest / 1024, 1), WEIGHT / 1024),
        "ms by which another's case and an unknown one differ": (
            hidden["apart_ms"], round(max(APART[0] * hidden["unknown_p50_ms"], APART[1]), 3),
        ),
        f"seconds until a list of {figures['slow']['rows']} rows is there on a slow connection": (
            figures["slow"]["seconds"], slow.GOAL_S,
        ),
    }  # fmt: skip
    return {name: {"measured": said, "goal": goal, "reached": said <= goal} for name, (said, goal) in measured.items()}


def is_right(figures: Mapping[str, Any]) -> bool:
    """Whether no page reads more as tables grow."""
    return not figures["statements"]["too_much"]

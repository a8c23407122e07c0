"""How long an act takes from the tap to where its page says that it is applied, in Chromium on the whole network.

At rest, and while another system of the same organisation sends in batches of registrations. Nothing is held back for
*Deshacer*: that is a setting, and whoever waits for it waits on purpose. Then what the processes of the console and of
the monitor hold in memory, with mail switched on.
"""

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.start import AT_REST_AFTER, pss_mb
from demo.http_entrance import HttpEntrance
from demo.sample import accounts, script
from demo.sample.cast import HOSTED_PARTNER
from demo.sample.journal import Journal
from demo.sample.script import Case
from demo.sample.setting_up import declared
from demo.sample.speaking import AT_ONCE, Speaker
from deploy.local import Network, OperatorError, running
from deploy.local.state import State
from messaging.topology import CONSOLE, MONITOR, DeclaredNetwork
from screens.visiting import WIDTHS, chromium

PHONE: Final = 360
STAFF: Final = "casapuente"
SENDER: Final = "redcross"
SYSTEM: Final = "planilla"
"""Which sends the batch; the console is another one."""
ACCEPT: Final = "main :is(a, button):text-is('Aceptar')"
WITHIN: Final = 60_000  # milliseconds for anything in the browser
GOAL_MS: Final = 1_000.0
LOOK_EVERY: Final = 0.2  # seconds
FIRST: Final = 100_000  # numbers of people that the sample has not
CONSOLE_MB: Final = 200.0
WITH_MONITOR_MB: Final = 300.0
SETTINGS: Final = {
    "RUTA_CONSOLE_UNDO_SECONDS": "0",
    # Nobody of the sample has asked for mail: the process that would send it only looks.
    "RUTA_SMTP_URL": "smtp://127.0.0.1:9",
    "RUTA_SMTP_FROM": "ruta@example.org",
}


@dataclass(frozen=True)
class Plan:
    """How many acts at rest and beside batches each, and how many rows a batch has."""

    acts: int
    batch: int


def measure(directory: Path, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure it; returns the figures. Raises OperatorError where there is no browser."""
    found = chromium()
    if found is None:
        raise OperatorError("There is no browser; please install it: sudo apt-get install -y chromium")
    with _network(directory) as network, sync_playwright() as playwright:
        paths = _referred(network, 2 * plan.acts)
        # Its own sandbox asks for what root and containers do not have; it opens nothing but our pages.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            with _come_in(network, browser) as page:
                alone = [_took(network, page, path) for path in paths[: plan.acts]]
                say(f"{len(alone)} acts at rest, each seen applied after {median(alone):.0f} ms at a half of the time")
                beside, rows = _beside_batches(network, page, paths[plan.acts :], plan.batch)
            memory = _memory(network)
        finally:
            browser.close()
    return {
        "alone": _times(alone), "beside": {**_times(beside), "batch": plan.batch, "rows": rows}, "memory": memory,
    }  # fmt: skip


@contextmanager
def _network(directory: Path) -> Iterator[Network]:
    """A new network with the sample's organisations, of which one has a second system; nobody but us speaks."""
    shutil.rmtree(directory, ignore_errors=True)
    state = State(directory)
    state.make()
    state.sample.mkdir(mode=0o700)
    os.environ |= SETTINGS
    try:
        with running(directory, declared=_declared()) as network:
            yield network
    finally:
        for name in SETTINGS:
            del os.environ[name]


def _declared() -> DeclaredNetwork:
    network = declared()
    partner = network.seeds[HOSTED_PARTNER]
    systems = {**partner["systems"], SYSTEM: {"reads": ["attendance.settled"], "sends": ["person.*"], "amqp": False}}
    return replace(network, seeds={**network.seeds, HOSTED_PARTNER: {**partner, "systems": systems}})


@contextmanager
def _speaking(state: State, who: str) -> Iterator[Speaker]:
    """Without a file: nobody says it again, and waiting for a disk would make a batch a trickle."""
    with closing(Journal(Path(":memory:"))) as kept:
        speaker = Speaker(who, state.organisations / who, state.directory_file, kept, time.sleep)
        with closing(speaker):
            yield speaker


def _referred(network: Network, many: int) -> Sequence[str]:
    """Have so many people referred to the hosted organisation; returns where their cases stand in the console."""
    state = network.stack.state
    with _speaking(state, HOSTED_PARTNER) as speaker:
        offers = [line for line in script.offers() if line.by == HOSTED_PARTNER]
        speaker.say(offers)
        speaker.await_applied(offers)
    case = Case("received", SENDER, "casapuente.mercado", "", "normal")
    with _speaking(state, SENDER) as speaker:
        openings = [script.opening(FIRST + number, case) for number in range(many)]
        for lines in zip(*openings, strict=True):
            all = [line for some in lines for line in some]
            if codes := {code for code in speaker.say(all) if code}:
                raise OperatorError(f"The entrance refused what is referred: {', '.join(sorted(codes))}")
            speaker.await_applied(all)
    return [f"/caso/{script.id_of(f'referral {FIRST + number}')}" for number in range(many)]


@contextmanager
def _come_in(network: Network, browser: Browser) -> Iterator[Page]:
    """A page of a telephone in which somebody of the hosted organisation has come in."""
    stack = network.stack
    made = accounts.make(stack.state, stack.state.sample, stack.service_database_url(CONSOLE))
    account = next(one for one in made if one.member.login == STAFF)
    context: BrowserContext = browser.new_context(
        viewport={"width": PHONE, "height": WIDTHS[PHONE]}, locale="es-CO", has_touch=True
    )
    with closing(context):
        page = context.new_page()
        page.set_default_timeout(WITHIN)
        page.goto(f"{stack.console_url}/entrar")
        page.fill("[name=login]", STAFF)
        page.fill("[name=password]", account.password)
        page.fill("[name=code]", account.code(time.time()))
        page.click("main form button")
        page.wait_for_url(f"{stack.console_url}/")
        yield page


def _took(network: Network, page: Page, path: str) -> float:
    """Accept a referral; returns in how many milliseconds after the tap its page says that it is applied."""
    address = network.stack.console_url + path
    page.goto(address)
    until = time.monotonic() + WITHIN / 1000
    while page.locator(ACCEPT).count() == 0:  # the console has not heard of it yet
        if time.monotonic() > until:
            raise OperatorError("A referral cannot be accepted on the page of its case.")
        page.goto(address)
    began = time.perf_counter()
    with page.expect_navigation():
        page.locator(ACCEPT).first.tap()
    page.wait_for_url(address)  # the page of an act leads there once it is applied
    return (time.perf_counter() - began) * 1000


def _beside_batches(network: Network, page: Page, paths: Sequence[str], batch: int) -> tuple[list[float], int]:
    """The same while such batches are sent and applied, one after the other; with how many rows were sent meanwhile."""
    spawning = multiprocessing.get_context("spawn")
    under_way, enough, sent = spawning.Event(), spawning.Event(), spawning.Value("q", 0)
    process = spawning.Process(target=_send, args=(network.stack.state.directory, batch, under_way, enough, sent))
    process.start()
    took = list[float]()
    try:
        while not under_way.wait(LOOK_EVERY) and process.is_alive():
            pass
        for path in paths:
            took.append(_took(network, page, path))
            if not process.is_alive():
                break
        rows = int(sent.value)
    finally:
        enough.set()
        process.join()
    if process.exitcode:
        raise OperatorError(f"What sends the batches ended with {process.exitcode}.")
    return took, rows


def _send(directory: Path, batch: int, under_way: Event, enough: Event, sent: "Synchronized[int]") -> None:
    """Register so many people, as quickly as the entrance takes them, until that is applied; and again till enough."""
    state = State(directory)
    credentials = json.loads((state.organisations / HOSTED_PARTNER / "credentials.json").read_text())
    case = Case("received", HOSTED_PARTNER, "casapuente.mercado", "", "normal")
    with _speaking(state, HOSTED_PARTNER) as speaker:
        speaker.entrance = HttpEntrance(credentials["http_url"], credentials["systems"][SYSTEM]["api_key"])
        for first in count(2 * FIRST, batch):
            for start in range(first, first + batch, AT_ONCE):
                if enough.is_set():
                    return
                numbers = range(start, min(start + AT_ONCE, first + batch))
                lines = [script.opening(number, case)[0][0] for number in numbers]
                if codes := {code for code in speaker.say(lines) if code}:
                    raise OperatorError(f"The entrance refused what is registered: {', '.join(sorted(codes))}")
                sent.value += len(lines)
                under_way.set()
            speaker.await_applied(lines)


def _memory(network: Network) -> dict[str, Any]:
    """What each process of the console and the monitor holds, in MB (PSS), and what of that the goals are about."""
    time.sleep(AT_REST_AFTER)
    ours = {name: one.pid for name, one in network.processes.items() if name.startswith((CONSOLE, MONITOR))}
    held = {name: round(pss_mb(pid), 1) for name, pid in ours.items() if pid is not None}
    console = sum(mb for name, mb in held.items() if name.startswith(CONSOLE))
    return {"held": held, "console_mb": round(console, 1), "with_monitor_mb": round(sum(held.values()), 1)}


def _times(milliseconds: Sequence[float]) -> dict[str, Any]:
    return {
        "acts": len(milliseconds),
        "p50_ms": round(median(milliseconds)),
        "p95_ms": round(quantiles(milliseconds, n=20, method="inclusive")[-1]),
        "max_ms": round(max(milliseconds)),
    }


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    for name, where in (("alone", "at rest"), ("beside", "beside a batch of its own organisation")):
        one = figures[name]
        verdict = "reached" if one["p95_ms"] <= GOAL_MS else "missed"
        yield (
            f"an act from tap to applied, {where}: p50 {one['p50_ms']} ms, p95 {one['p95_ms']}, max {one['max_ms']} "
            f"({one['acts']} acts); the goal is at most {GOAL_MS:g}: {verdict}"
        )
    memory = figures["memory"]
    for what, name, goal in (
        ("the console's processes", "console_mb", CONSOLE_MB),
        ("these and the monitor's", "with_monitor_mb", WITH_MONITOR_MB),
    ):
        verdict = "reached" if memory[name] <= goal else "missed"
        yield f"{what}, mail switched on, hold {memory[name]:g} MB (PSS); the goal is at most {goal:g}: {verdict}"
    yield ", ".join(f"{name} {mb:g}" for name, mb in memory["held"].items())

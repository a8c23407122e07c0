"""How long an act takes from the tap to where its page says that it is applied, in Chromium on the whole network.

At rest, and while another system of the same organisation sends in a batch of registrations. Nothing is held back for
*Deshacer*: that is a setting, and whoever waits for it waits on purpose.
"""

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from demo.http_entrance import HttpEntrance
from demo.sample import accounts, script
from demo.sample.cast import HOSTED_PARTNER
from demo.sample.journal import Journal
from demo.sample.script import Case
from demo.sample.setting_up import declared
from demo.sample.speaking import Speaker
from deploy.local import Network, OperatorError, running
from deploy.local.state import State
from messaging.topology import CONSOLE, DeclaredNetwork
from screens.visiting import WIDTHS, chromium

PHONE: Final = 360
STAFF: Final = "casapuente"
SENDER: Final = "redcross"
SYSTEM: Final = "planilla"
"""Which sends the batch; the console is another one."""
ACCEPT: Final = "main :is(a, button):text-is('Aceptar')"
WITHIN: Final = 60_000  # milliseconds for anything in the browser
GOAL_MS: Final = 1_000.0
FIRST: Final = 100_000  # numbers of people that the sample has not


@dataclass(frozen=True)
class Plan:
    """How many acts at rest and beside the batch each, and how long the batch is."""

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
                beside = _beside_a_batch(network, page, paths[plan.acts :], plan.batch)
        finally:
            browser.close()
    return {"alone": _times(alone), "beside": {**_times(beside), "batch": plan.batch}}


@contextmanager
def _network(directory: Path) -> Iterator[Network]:
    """A new network with the sample's organisations, of which one has a second system; nobody but us speaks."""
    shutil.rmtree(directory, ignore_errors=True)
    state = State(directory)
    state.make()
    state.sample.mkdir(mode=0o700)
    os.environ["RUTA_CONSOLE_UNDO_SECONDS"] = "0"
    try:
        with running(directory, declared=_declared()) as network:
            yield network
    finally:
        del os.environ["RUTA_CONSOLE_UNDO_SECONDS"]


def _declared() -> DeclaredNetwork:
    network = declared()
    partner = network.seeds[HOSTED_PARTNER]
    systems = {**partner["systems"], SYSTEM: {"reads": ["attendance.settled"], "sends": ["person.*"], "amqp": False}}
    return replace(network, seeds={**network.seeds, HOSTED_PARTNER: {**partner, "systems": systems}})


@contextmanager
def _speaking(state: State, who: str, journal: str) -> Iterator[Speaker]:
    with closing(Journal(state.sample / journal)) as kept:
        speaker = Speaker(who, state.organisations / who, state.directory_file, kept, time.sleep)
        with closing(speaker):
            yield speaker


def _referred(network: Network, many: int) -> Sequence[str]:
    """Have so many people referred to the hosted organisation; returns where their cases stand in the console."""
    state = network.stack.state
    with _speaking(state, HOSTED_PARTNER, "offers.sqlite") as speaker:
        offers = [line for line in script.offers() if line.by == HOSTED_PARTNER]
        speaker.say(offers)
        speaker.await_applied(offers)
    case = Case("received", SENDER, "casapuente.mercado", "", "normal")
    with _speaking(state, SENDER, "referrals.sqlite") as speaker:
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


def _beside_a_batch(network: Network, page: Page, paths: Sequence[str], batch: int) -> list[float]:
    """The same for as long as the batch is being sent and applied: what is after that does not count."""
    process = multiprocessing.get_context("spawn").Process(target=_send, args=(network.stack.state.directory, batch))
    process.start()
    took = list[float]()
    try:
        for path in paths:
            one = _took(network, page, path)
            if not process.is_alive():
                break
            took.append(one)
    finally:
        process.join()
    if process.exitcode:
        raise OperatorError(f"What sends the batch ended with {process.exitcode}.")
    if len(took) < 2:
        raise OperatorError("The batch was over before two acts were; a longer one is needed.")
    return took


def _send(directory: Path, batch: int) -> None:
    """Register so many people, as quickly as the entrance takes them, and wait until it is all applied."""
    state = State(directory)
    credentials = json.loads((state.organisations / HOSTED_PARTNER / "credentials.json").read_text())
    case = Case("received", HOSTED_PARTNER, "casapuente.mercado", "", "normal")
    lines = [script.opening(2 * FIRST + number, case)[0][0] for number in range(batch)]
    with _speaking(state, HOSTED_PARTNER, "batch.sqlite") as speaker:
        speaker.entrance = HttpEntrance(credentials["http_url"], credentials["systems"][SYSTEM]["api_key"])
        speaker.say(lines)
        speaker.await_applied(lines[-1:])


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

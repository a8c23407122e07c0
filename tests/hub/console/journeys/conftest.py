"""A whole network where two organisations have the console alone, its staff's browsers, and its partners' systems."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

import contracts
from contracts import sealing
from demo.sample import accounts, cast, script
from demo.sample.accounts import Account
from demo.sample.cast import CENTRE, HOSTED_PARTNER, STAFF, Member
from demo.sample.journal import Journal
from demo.sample.script import Case, Data, Line
from demo.sample.setting_up import declared
from demo.sample.speaking import Speaker
from deploy.local import Network, running
from deploy.local.state import State
from messaging import database
from messaging.believing import COLOMBIA
from messaging.topology import CONSOLE
from screens.visiting import WIDTHS, chromium
from tests.directories import make_directory
from tests.waiting import eventually

PHONE: Final = 360
DESK: Final = 1280
UNDO: Final = 1  # seconds
WITHIN: Final = 60_000  # milliseconds, on a machine that has much else to do
COLLEAGUE: Final = Member("colega", "Nadia Boceto", HOSTED_PARTNER, "partner_staff")


@dataclass
class House:
    """The network, its clock, who has come in where, and the systems of its partners."""

    network: Network
    clock_file: Path
    accounts: Mapping[str, Account]
    browser: Browser
    journal: Journal
    speakers: dict[str, Speaker] = field(default_factory=dict)
    _sessions: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(2000))
    _offset: timedelta = field(default=timedelta())

    # -- time ----------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The network's time."""
        return datetime.now(UTC) + self._offset

    def wait_for(self, time_to_come: timedelta) -> None:
        """Let so much time pass, for the network alone."""
        self._offset += time_to_come
        new = self.clock_file.with_suffix(".new")
        new.write_text(str(self._offset.total_seconds()))
        new.replace(self.clock_file)

    # -- partners' systems ---------------------------------------------------------------------------------------------

    def says(self, who: str, *lines: Line) -> None:
        """Have an organisation's own system say something, and wait until it is applied."""
        if who not in self.speakers:
            state = self.network.stack.state
            self.speakers[who] = Speaker(
                who, state.organisations / who, state.directory_file, self.journal, time.sleep, self.now
            )
        assert self.speakers[who].say(lines) == [None] * len(lines)
        self.speakers[who].await_applied(lines)

    def refers(self, sender: str, service: str, urgency: str = "normal") -> "Referral":
        """Have somebody's system refer somebody whom it has not referred before."""
        referral, request = self.prepares(sender, service, urgency)
        self.says(sender, request)
        return referral

    def prepares(self, sender: str, service: str, urgency: str = "normal") -> "tuple[Referral, Line]":
        """Have somebody's system say all that goes before a referral; the referral, and what will ask for it."""
        number = next(self._numbers)
        *before, (request,) = script.opening(number, Case("received", sender, service, "", urgency))
        for lines in before:
            self.says(sender, *lines)
        return Referral(self, number, sender, service.partition(".")[0]), request

    def hears(self, who: str, type: str, is_meant: Callable[[Any], bool]) -> Any:
        """Read an organisation's inbox until what is meant has come; what it says."""

        def read() -> Any:
            for event in self.speakers[who].reading.events(0):
                if event.kind == "message":
                    message = contracts.parse(event.data)
                    if message.type == type and is_meant(message.data):
                        return message.data
            raise AssertionError(f"{who} was sent no such {type}")

        reading = ThreadPoolExecutor(1)  # a stream says nothing for as long as nothing comes, and ends with the network
        try:
            return reading.submit(read).result(timeout=WITHIN / 1000)
        finally:
            reading.shutdown(wait=False)

    def opens(self, who: str, sealed: str) -> dict[str, Any]:
        """Open what is sealed to an organisation's own system."""
        key = sealing.load_key(self.network.stack.state.organisations / who / "private.jwk")
        return sealing.open_sealed(sealed, key)

    # -- staff ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def sits(self, login: str, *, width: int = DESK, javascript: bool = True) -> Iterator["Sitting"]:
        """Somebody before the console, who has come in."""
        if login not in self._sessions:
            with self._page({"javascript": True}, DESK) as page:
                account = self.accounts[login]
                page.goto(f"{self.address}/entrar")
                page.fill("[name=login]", login)
                page.fill("[name=password]", account.password)
                page.fill("[name=code]", account.code(time.time()))
                page.click("main form button")
                page.wait_for_url(f"{self.address}/")
                self._sessions[login] = page.context.storage_state()
        with self._page({"javascript": javascript, "state": self._sessions[login]}, width) as page:
            yield Sitting(page, self)

    @contextmanager
    def _page(self, how: Mapping[str, Any], width: int) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]},
            locale="es-CO",
            java_script_enabled=how["javascript"],
            storage_state=how.get("state"),
        )
        try:
            page = context.new_page()
            page.set_default_timeout(WITHIN)
            yield page
        finally:
            context.close()

    @property
    def address(self) -> str:
        return self.network.stack.console_url

    def asks_the_console(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the console's database."""
        with database.connect(self.network.stack.service_database_url(CONSOLE)) as connection:
            found = connection.execute(statement, values)
            return database.rows(found)


@dataclass(frozen=True)
class Referral:
    """A referral of these journeys, and what its sender's or recipient's own system says of it."""

    house: House
    number: int
    sender: str
    recipient: str

    @property
    def id(self) -> UUID:
        return script.id_of(f"referral {self.number}")

    @property
    def path(self) -> str:
        return f"/caso/{self.id}"

    @property
    def code(self) -> str:
        return contracts.short_code(self.id)

    def says(self, who: str, verb: str, note: str | None = None, **more: Any) -> None:
        """Have the sender's or the recipient's own system say something of it."""
        reader = {self.sender: self.recipient, self.recipient: self.sender}[who]
        data = {"referral_id": self.id, **more}
        line = Line(
            f"{who} {verb} {contracts.uuid7()}",
            who,
            f"referral.{verb}.v1",
            lambda _: data,
            reader if note else None,
            {"text": note} if note else None,
        )
        self.house.says(who, line)

    def withdraws_consent(self) -> None:
        """Have the sender's system say that the person has taken their consent back."""
        of_it = {"consent_id": script.id_of(f"consent {self.number}"), "withdrawn_by": "person", "manner": "signed"}

        def data(now: datetime) -> Data:
            return {**of_it, "withdrawn_at": now}

        self.house.says(
            self.sender, Line(f"consent {self.number} withdrawn", self.sender, "consent.withdrawn.v1", data)
        )

    @property
    def states(self) -> list[str]:
        """The states that it has come through, as the console has been told."""
        rows = self.house.asks_the_console("select state from step where referral_id = %s order by sequence", self.id)
        return [row["state"] for row in rows]

    @property
    def due_at(self) -> datetime:
        """Until when it is to be answered."""
        (row,) = self.house.asks_the_console("select due_at from referral where referral_id = %s", self.id)
        due_at: datetime = row["due_at"]
        return due_at

    @property
    def notes(self) -> set[str]:
        """What has happened to it besides."""
        return {
            row["what"] for row in self.house.asks_the_console("select what from event where referral_id = %s", self.id)
        }


@dataclass(frozen=True)
class Sitting:
    """Somebody before a page of the console."""

    page: Page
    house: House

    def opens(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.house.address + path)

    def sees(self, words: str) -> None:
        """Look at the page again and again until these words stand there."""
        self._looks_until(words, lambda: words in self.read())

    def may(self, words: str) -> None:
        """The same until what is called so can be pressed: what is not yet possible stands there, too, and why."""
        pressed = f"main :is(a, button):text-is('{words}'):not([disabled])"
        self._looks_until(words, lambda: self.page.locator(pressed).count() > 0)

    def _looks_until(self, words: str, stands: Callable[[], bool]) -> None:
        def look() -> bool:
            if stands():
                return True
            self.page.reload()
            return stands()

        try:
            eventually(look, within=60.0)
        except AssertionError:
            raise AssertionError(f"{words} stands nowhere on {self.page.url}: {self.read()}") from None

    def read(self) -> str:
        """What the page says."""
        return self.page.inner_text("main")

    def presses(self, words: str) -> None:
        """Press what is called so, and wait for the page that comes."""
        with self.page.expect_navigation():
            self.page.locator(f"main :is(a, button):text-is('{words}')").first.click()

    def fills(self, **fields: str) -> None:
        """Fill the form."""
        for name, value in fields.items():
            field_ = self.page.locator(f"main [name={name}]")
            kind = field_.first.evaluate("it => it.type") if field_.count() else "nothing"
            if kind in ("radio", "checkbox"):
                self.page.check(f"main [name={name}][value='{value}']")
            elif kind.startswith("select"):
                self.page.select_option(f"main [name={name}]", value)
            else:
                self.page.fill(f"main [name={name}]", value)

    def acts(self, referral: Referral, words: str, **fields: str) -> None:
        """Do something about a referral on the page of its case, and wait until the network has applied it."""
        self.opens(referral.path)
        self.may(words)
        self.presses(words)
        if fields:
            self.fills(**fields)
            self.presses(words)
        self.is_applied(referral)

    def token(self) -> str:
        """What every form of the page has, and no other site can know."""
        return self.page.locator("[name=form_token]").first.input_value()

    def form_of(self, words: str) -> str:
        """The id of the form whose button is called so."""
        return self.page.locator(f"main form:has(button:text-is('{words}')) [name=formulario]").input_value()

    def opens_person(self, referral: Referral) -> None:
        """Have custody open who a case is about, on its page."""
        self.opens(referral.path)
        with self.page.expect_navigation():
            self.page.locator("main section form button").click()

    def is_applied(self, referral: Referral) -> None:
        """Wait until the page of an act leads back to its case, which it does once the network has applied it."""
        try:
            self.page.wait_for_url(f"{self.house.address}{referral.path}")
        except Error as error:
            raise AssertionError(f"{self.page.url} says: {self.read()}") from error


def moment(at: datetime) -> str:
    """As a field for day and hour has it."""
    return at.astimezone(COLOMBIA).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    found = chromium()
    if found is None:
        assert os.geteuid() != 0, "there is no chromium, which `./ruta test` installs as root"
        pytest.skip("no page is tried in a browser, for there is none: sudo apt-get install -y chromium")
    directory = make_directory("houses")
    clock_file = directory / "clock"
    clock_file.write_text("0")
    with ExitStack() as ending, pytest.MonkeyPatch.context() as patching:
        ending.callback(shutil.rmtree, directory, ignore_errors=True)
        patching.setenv("RUTA_CLOCK_FILE", str(clock_file))
        patching.setenv("RUTA_CONSOLE_UNDO_SECONDS", str(UNDO))
        state = State(directory)
        state.make()
        state.sample.mkdir(mode=0o700)
        network = ending.enter_context(running(directory, declared=declared()))
        url = network.stack.service_database_url(CONSOLE)
        known = accounts.make(state, state.sample, url, (*STAFF, COLLEAGUE))
        playwright = ending.enter_context(sync_playwright())
        # Its own sandbox asks for what root and containers do not have; it opens nothing but our pages.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        ending.callback(browser.close)
        journal = Journal(directory / "journal.sqlite")
        ending.callback(journal.close)
        house = House(network, clock_file, {one.member.login: one for one in known}, browser, journal)
        for who in sorted({*cast.SIMULATED, CENTRE, HOSTED_PARTNER}):
            house.says(who, *(line for line in script.offers() if line.by == who))
        yield house
        for speaker in house.speakers.values():
            speaker.close()

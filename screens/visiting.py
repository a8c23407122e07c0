"""A browser (Debian's chromium) at the console's pages: as somebody, in a language, on a screen so wide."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final

import pyotp
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, sync_playwright

from deploy.local.operator_error import OperatorError
from screens import frozen
from screens.console import PASSWORD, Person, ShownConsole

LANGUAGES: Final = {"es": "es-CO", "en": "en-GB"}
WIDTHS: Final = {360: 740, 1280: 800}
"""A telephone and a computer, with their heights."""
WITHIN: Final = 15_000  # milliseconds for anything that a browser is asked to do
# Its own sandbox asks for what root and containers do not have, and keeping pages of different sites apart takes a
# process for each: it opens nothing but our pages.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--hide-scrollbars",
    "--in-process-gpu",
    "--disable-site-isolation-trials",
    "--process-per-site",
    "--renderer-process-limit=1",
)
# Of the answer that a page itself is, which tells its status so.
OWN_STATUS: Final = "Failed to load resource: the server responded with a status of"
ABORTED: Final = "net::ERR_ABORTED"  # by ourselves: we went on before the page was all there
# What a page says when it is left would come to whoever comes next.
SAYS_NOTHING: Final = "addEventListener('pagehide', left => left.stopImmediatePropagation(), {capture: true})"
HEARD: Final = """
document.addEventListener('securitypolicyviolation', said =>
    console.error(`not allowed by the policy: ${said.violatedDirective} ${said.blockedURI} ${said.sample}`))
"""


def chromium() -> str | None:
    """Where the browser is, if this machine has it."""
    return shutil.which("chromium")


class Hand:
    """One page of a browser, and what whoever sits before it does; what the browser complains of is kept."""

    def __init__(self, page: Page, console: ShownConsole) -> None:
        self.page = page
        self.console = console
        self.complaints: list[str] = []
        page.set_default_timeout(WITHIN)
        self._listens: Mapping[Any, Callable[[Any], None]] = {
            "console": self._hear,
            "pageerror": self._hear_error,
            "requestfailed": self._hear_of,
            "response": self._hear_answer,
        }
        for event, hear in self._listens.items():
            page.on(event, hear)

    def leave(self) -> None:
        """Leave the page to whoever comes next: nothing goes on in it, and nobody hears of it here."""
        for event, hear in self._listens.items():
            self.page.remove_listener(event, hear)
        self.page.unroute_all(behavior="ignoreErrors")
        with suppress(Error):  # of a page that is none
            self.page.evaluate(SAYS_NOTHING)
        self.page.goto("about:blank")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if message.text.startswith(OWN_STATUS) and message.location["url"] == self.page.url:
            return
        self.complaints.append(f"{message.type}: {message.text}")

    def _hear_error(self, error: Error) -> None:
        self.complaints.append(f"error: {error}")

    def _hear_of(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.complaints.append(f"not loaded: {request.url} ({request.failure})")

    def _hear_answer(self, response: Response) -> None:
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.complaints.append(f"answered {response.status}: {response.url}")

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.console.address + path)

    def look(self, width: int) -> None:
        """Have a screen so wide."""
        self.page.set_viewport_size({"width": width, "height": WIDTHS[width]})

    def send(self, **fields: str) -> None:
        """Fill the form of the page, and send it."""
        for name, value in fields.items():
            self.page.fill(f"main [name={name}]", value)
        self.press("main form button")

    def search(self, words: str) -> None:
        """Type something into the box that every page has, and send it."""
        self.page.fill("header [name=q]", words)
        self.press("header .box button")

    def choose(self, **fields: str) -> None:
        """Choose in the form of the page: of a list that opens, or of one that stands there."""
        for name, value in fields.items():
            if self.page.locator(f"main select[name={name}]").count():
                self.page.select_option(f"main select[name={name}]", value)
            else:
                self.page.check(f"main [name={name}][value={value}]")

    def press(self, what: str) -> None:
        """Press the first of what a selector finds, and wait for the page that comes."""
        with self.page.expect_navigation():
            self.page.locator(what).first.click()

    def come_in(self, person: Person) -> None:
        """Come in with password and authenticator."""
        self.console.forget_attempts()
        self.go("/entrar")
        self.send(login=person.login, password=PASSWORD, code=pyotp.TOTP(frozen.SECRET).now())
        assert self.page.url == f"{self.console.address}/", f"{person.login} could not come in"


class Visits:
    """Opens pages, each with nobody's cookies; whoever has come in once stays so.

    The pages of a language come one after the other in a tab that stays: for another the browser starts a process, and
    a window takes it longer than that.
    """

    def __init__(self, browser: Browser, console: ShownConsole) -> None:
        self._browser = browser
        self.console = console
        self._tabs: dict[str, Page] = {}
        self._sessions: dict[str, Any] = {}

    @contextmanager
    def of(self, person: Person | None, language: str, width: int) -> Iterator[Hand]:
        """A page in which somebody has come in, or nobody, and nobody has decided anything."""
        self.console.begin_anew()
        if person is not None and person.login not in self._sessions:
            with self._tab(language, width, []) as hand:
                hand.come_in(person)
                self._sessions[person.login] = hand.page.context.cookies()
        with self._tab(language, width, self._sessions[person.login] if person else []) as hand:
            yield hand

    @contextmanager
    def _tab(self, language: str, width: int, cookies: Any) -> Iterator[Hand]:
        if language not in self._tabs:
            window = self._browser.new_context(locale=LANGUAGES[language])
            window.add_init_script(HEARD)
            self._tabs[language] = window.new_page()
        page = self._tabs[language]
        page.context.clear_cookies()
        page.context.add_cookies(cookies)
        hand = Hand(page, self.console)
        hand.look(width)
        try:
            yield hand
        except BaseException:  # what went wrong may go on in it
            self._tabs.pop(language).context.close()
            raise
        hand.leave()


@contextmanager
def visits(console: ShownConsole) -> Iterator[Visits]:
    """A browser for as long as the block takes. Raises OperatorError where there is none."""
    found = chromium()
    if found is None:
        raise OperatorError("There is no browser; please install it: sudo apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield Visits(browser, console)
        finally:
            browser.close()

"""One request as a page's function is given it, in a thread, with a transaction that is committed before the answer."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.console import audit, presence
from hub.console.keyring import Keyring
from hub.console.web import answers, kept, pages, refilling, sessions
from hub.console.web.accounts import Staff
from hub.console.web.permissions import Role
from hub.console.web.sessions import Session
from hub.gateway.audit.store import Act
from hub.gateway.http.problems import Language
from messaging.database import Connection

NOBODY: Final = "nobody"  # as the actor of what was done before anybody had come in
NO_ORGANISATION: Final = "-"
LONGEST_PATH: Final = 500  # of a page to come back to
FORM_FIELD: Final = "form_token"  # of every form
BY_ITSELF: Final = "sola"  # in the query of an address that a page leads to, and nobody has asked for
TOKEN_BYTES: Final = 16
OPENED: Final = "opened"  # of the keyring: by whom a form was


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation."""

    path: str
    label: str
    is_here: bool


@dataclass
class Visit:
    """A request, who makes it, and what is to be recorded of it."""

    tx: Connection
    keyring: Keyring
    request_id: str
    method: str
    path: str
    here: str
    """The path with its query."""
    path_params: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, Sequence[str]]
    """What was posted, by the names of fields; its origin and its token have been checked. On the page that shows it
    again, what had been posted."""
    language: Language
    browser: str
    """What the browser's cookie has; a page that changes it has the cookie set."""
    known: str
    """What the cookie has by which a browser is known in which somebody has come in before."""
    address: str | None
    """Whom attempts are counted for; None where everybody has the same one."""
    session: Session | None = None
    links: Sequence[Link] = ()
    searches: bool = False
    """Whether the box to search stands on the page."""
    finds_people: bool = False
    """Whether it finds people, too, and not only cases by their codes."""
    finds_messages: bool = False
    """Whether in its place there is one to find messages."""
    acts: list[Act] = field(default_factory=list)
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What the form led to that was sent for this page; empty: none was, or it is no longer kept."""
    comes_back: bool = False
    """Whether the form that was posted is shown again."""
    emergency: datetime | None = None
    """Until when the local account is open that somebody has come in by (emergency.py): there is no database then."""

    @property
    def staff(self) -> Staff:
        """Who has come in; only for pages that are for staff."""
        assert self.session is not None
        return self.session.staff

    def may(self, *roles: Role) -> bool:
        """Whether whoever has come in has one of these roles."""
        return not self.staff.roles.isdisjoint(roles)

    def said(self, name: str, longest: int = 200) -> str:
        """A field of the form without spaces around it; empty where it is not there, there twice, or too long."""
        values = self.form.get(name, ())
        value = values[0].strip() if len(values) == 1 else ""
        return value if len(value) <= longest else ""

    @cached_property
    def kept(self) -> kept.Form:
        """What whoever has come in had typed on this page, and is not done; empty: nothing."""
        session = self.session
        if session is None or session.is_locked or session.is_idle:
            return {}
        return kept.find(self.tx, self.keyring, session.staff.code, self.path)

    @cached_property
    def refilling(self) -> dict[str, Any] | None:
        """How far the tables are filled anew that pages of cases read; None: they are whole."""
        return refilling.under_way(self.tx)

    @cached_property
    def stale_since(self) -> datetime | None:
        """As of when what is shown of cases is, where that is longer ago than a page may keep to itself."""
        return presence.stale_since(self.tx)

    @property
    def typed_form(self) -> Mapping[str, Sequence[str]]:
        """What was just sent, whole, or else what waited for whoever typed it; empty: nothing was typed."""
        return self.form or self.kept

    def typed(self, name: str) -> str:
        """What was typed into a field; what was left out of the form that was just sent is empty."""
        return (self.typed_form.get(name) or ("",))[0]

    def note(self, act: str, *, by: Staff | None = None, people: Sequence[str] = (), **details: Any) -> None:
        """Have it recorded before the answer is sent; where that cannot be, nothing is sent, and nothing was done.

        `people` are ids of persons, or codes of cases, all that a list shows: they are written so that only who has
        their keys can read them. `details` hold ids, codes and counts, and no more. `by` is who does it, where that is
        somebody else than has come in.
        """
        staff = by or (self.session.staff if self.session is not None else None)
        if people:
            details["people"] = audit.encrypted(self.tx, self.keyring, people)
        actor = f"staff:{staff.code}" if staff is not None else NOBODY
        organisation = staff.organisation if staff is not None else NO_ORGANISATION
        self.acts.append(Act(actor, act, organisation, {**details, "request": self.request_id}))

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page of HTML."""
        text = pages.render(self.language, template, {**values, "visit": self, "form_token": self.form_token})
        return HTMLResponse(text, status)

    def go(self, path: str, back_to: str | None = None) -> Response:
        """Send the browser to another page, which is to lead back to a third one."""
        return RedirectResponse(f"{path}?a={quote(back_to)}" if back_to else path, 303)

    def lead_to(self, path: str = "", *, once: bool = False, **said: Any) -> Response:
        """Answer a form by leading to a page, its own where no other is named, which finds there as `answer` what JSON
        can say; where that is shown once, a reload finds nothing.
        """
        return self._lead_to(path or self.path, answers.Kept(said, {}, once))

    def send_back(self, path: str = "", **said: Any) -> Response:
        """Answer a form by leading to the page that shows it again, with what was typed, as if it had just been sent;
        what had waited for whoever sent it goes on waiting.
        """
        self.comes_back = True
        form = {name: typed for name, typed in self.form.items() if name != FORM_FIELD}
        return self._lead_to(path or self.path, answers.Kept(said, form))

    def _lead_to(self, path: str, kept: answers.Kept) -> Response:
        assert self.session is not None
        page = answers.address(path.partition("?")[0], self.request_id)
        answers.keep(self.tx, self.keyring, self.session.id, page, kept)
        return self.go(answers.address(path, self.request_id))

    def find_answer(self) -> None:
        """Take what the form led to that the address names, if it is of this session and still kept."""
        assert self.session is not None
        page = answers.address(self.path, self.query[answers.FIELD])
        if (found := answers.find(self.tx, self.keyring, self.session.id, page)) is not None:
            self.answer, self.form = found.said, found.form

    @property
    def back_to(self) -> str:
        """The page to come back to: one of ours, else the first one."""
        said = self.said("a", LONGEST_PATH) or self.query.get("a", "")
        return said if is_path(said) else "/"

    @property
    def whose(self) -> Staff | None:
        """Whose the browser's forms are: who has come in, also when locked, or had until their session was too old."""
        if self.emergency is not None:
            return None
        return self.session.staff if self.session is not None else sessions.expired(self.tx, self.browser)

    @property
    def form_token(self) -> str:
        """What every form of a page has in the field `form_token`, and no other site can know.

        It is masked anew each time: how long a compressed page is tells nothing of what is another one in each page.
        """
        mask = secrets.token_bytes(2 * TOKEN_BYTES)
        return (mask + _xor(mask, self._token)).hex()

    def has_form_token(self) -> bool:
        """Whether what was posted has it, under whatever mask."""
        return hmac.compare_digest(self._said_token, self._token)

    def has_own_form(self) -> bool:
        """Whether what was posted stands on a page that was made for whoever has come in, in whatever session."""
        return hmac.compare_digest(self._said_token[TOKEN_BYTES:], self._token[TOKEN_BYTES:])

    @property
    def _said_token(self) -> bytes:
        try:
            said = bytes.fromhex(self.said(FORM_FIELD))
        except ValueError:
            return b""
        mask, masked = said[: 2 * TOKEN_BYTES], said[2 * TOKEN_BYTES :]
        return _xor(mask, masked) if len(masked) == len(mask) else b""

    @property
    def _token(self) -> bytes:
        """What is masked: another one for each who shares the browser, so that nobody sends what another has opened.

        Its second half is the same in all sessions of somebody: by it what they typed waits for them, and is not done.
        """
        whose = self.whose
        code = whose.code if whose is not None else NOBODY
        of_browser = hmac.digest(self.browser.encode(), f"ruta form {code}".encode(), "sha256")
        return of_browser[:TOKEN_BYTES] + self.keyring.hash(OPENED, code)[:TOKEN_BYTES]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def is_path(said: str) -> bool:
    """Whether a text is a path of this server, and cannot be taken for the address of another."""
    return (
        said.startswith("/")
        and not said.startswith("//")
        and "\\" not in said
        and len(said) <= LONGEST_PATH
        and said.isascii()
        and said.isprintable()
    )

"""Auditoría: who did or saw what, in the network and in the console; and until when that is verified.

What is typed may be anything, and stands in no address: it is sent, and leads to an address with what it means in it.
Operators see what is done to the network, and of the console what operators do there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from starlette.responses import RedirectResponse, Response

from hub.console.web import accounts, mending_words, showing
from hub.console.web.audit_words import CHAIN_NAMES, CHAINS, NO_OBJECT, NO_TIME, NO_WHO
from hub.console.web.errors import Stopped
from hub.console.web.permissions import Role
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.gateway.audit import details as in_words
from hub.gateway.audit import finding, words
from hub.gateway.audit.finding import Asked, Found, Shown
from hub.gateway.http.problems import Language
from hub.monitor.alerts import keeping
from hub.monitor.log.confidential import is_reason
from hub.monitor.mending import databases
from hub.monitor.web.looking import Looked, is_number, today
from hub.monitor.web.operators import STAFF, asking
from messaging.identity import HUB
from messaging.topology import GATEWAY

PATH: Final = "/auditoria"
CHAIN, WHO, WHAT, OBJECT, SINCE, UNTIL, BEFORE = "cadena", "quien", "que", "objeto", "desde", "hasta", "antes"
FIELDS: Final = (CHAIN, WHO, WHAT, OBJECT, SINCE, UNTIL)
SEE_ALL: Final = (Role.AUDITOR, Role.ADMINISTRATOR)
OF_OPERATIONS: Final = frozenset({
    "network_seen", "alerts_seen", "messages_seen", "message_seen", "confidential_opened", "failures_seen",
    "mending_planned", "operation_seen", "failures_retried", "failures_given_back", "messages_said_again",
    "mending_stopped", "replays_seen", "replay_planned", "replay_asked", "replay_started", "replay_resumed",
    "replay_reviewed", "emergency_opened", "emergency_used", "emergency_seen", "emergency_closed",
})  # fmt: skip
"""What operators do in the console, which other operators may see."""
CODE: Final = re.compile(r"s-[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}")
ACTOR: Final = re.compile(r"operator:\d{1,10}|gateway|nobody")
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NETWORK: Final = "network"  # whom an act concerns that is nobody's
UNKNOWN: Final = "?"
LEFT_OUT: Final = ("people", "request")  # of the details
TYPED: Final = "reason"  # what was typed in a terminal might name somebody
LONGEST: Final = 300  # letters of what an entry says


@dataclass(frozen=True)
class Row:
    """An entry in words."""

    number: int
    at: str
    who: str
    name: str
    """Of staff, what they are called."""
    act: str
    subject: str
    details: Sequence[tuple[str, str]]
    """Of what somebody typed no more than that: it is empty."""
    people: int
    """How many people or cases it is about: who they are stands there encrypted."""


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        if wrong := visit.answer.get("wrong"):
            return _page(visit, settings, CHAINS[0], None, None, {name: visit.said(name) for name in FIELDS}, wrong)
        chain, asked, before = _read(visit, settings)
        said = {name: visit.query.get(name, "") for name in FIELDS}
        visit.note("audit_seen", asked=_noted(visit, said))
        return _page(visit, settings, chain, asked, before, said)

    def search(visit: Visit) -> Response:
        typed = {name: visit.said(name) for name in FIELDS}
        meant, wrong = _meant(visit, settings, typed)
        if wrong:
            return visit.send_back(wrong=wrong)
        return RedirectResponse(f"{PATH}?{urlencode(meant)}" if meant else PATH, 303)

    return (Screen("audit", PATH, get=show, post=search, label=N_("Auditoría"), act="audit_seen"),)


def _page(
    visit: Visit,
    settings: Settings,
    chain: str,
    asked: Asked | None,
    before: int | None,
    said: Mapping[str, str],
    wrong: Mapping[str, str] | None = None,
) -> Response:
    found = _find(visit, settings, chain, asked, before) if asked is not None else None
    looked = Looked(showing.saying(visit, settings), None)
    book = keeping.read(settings.alerts_book) if settings.alerts_book is not None else None
    verified: Mapping[str, Any] | None = book.known.get("audit") if book is not None else None
    return visit.page(
        "audit.html",
        status=422 if wrong else 200,
        said=said,
        wrong=wrong or {},
        chain=chain,
        chains=CHAIN_NAMES,
        sees_all=visit.may(*SEE_ALL),
        today=today(looked.say),
        elsewhere=mending_words.WHY_ELSEWHERE,
        acts=_acts(visit),
        found=found,
        is_asked=asked is not None,
        is_first=before is None,
        rows=_rows(visit, found.entries) if found is not None else [],
        next=f"{PATH}?{urlencode({**_set(said), BEFORE: found.next})}" if found is not None and found.next else "",
        verified=verified,
        looked=looked,
    )


def _find(visit: Visit, settings: Settings, chain: str, asked: Asked, before: int | None) -> Found | None:
    """What is found; None where the database of the gateway does not answer. Raises Stopped."""
    if chain != "red":
        return finding.find(visit.tx, asked, before=before)
    url = settings.operators.get(GATEWAY)
    if url is None:
        return None
    try:
        with asking(visit):
            return databases.ask(
                url, lambda tx: finding.find(tx, asked, before=before, table=finding.SHOWN_TO_OPERATORS)
            )
    except psycopg.Error:
        return None


def _read(visit: Visit, settings: Settings) -> tuple[str, Asked, int | None]:
    """What a page's address asks for. Raises Stopped where it means nothing."""
    said = {name: visit.query.get(name, "") for name in FIELDS}
    meant, wrong = _meant(visit, settings, said)
    before = visit.query.get(BEFORE, "")
    if wrong or meant != _set(said):
        raise Stopped("not_found")
    if before and not (is_number(before) and int(before)):
        raise Stopped("not_found")
    chain, who, named = said[CHAIN] or CHAINS[0], said[WHO], said[OBJECT]
    is_subject = bool(named) and not CODE.fullmatch(named) and not ID.fullmatch(named)
    sees_all = chain == "red" or visit.may(*SEE_ALL)
    asked = Asked(
        actor=(f"{STAFF}{who}" if CODE.fullmatch(who) else who) or None,
        act=said[WHAT] or None,
        acts=None if sees_all else OF_OPERATIONS,
        subject=named if is_subject else None,
        named=named if named and not is_subject else None,
        since=_moment(said[SINCE]),
        until=_moment(said[UNTIL]),
    )
    return chain, asked, int(before) if before else None


def _meant(visit: Visit, settings: Settings, typed: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed as an address has it, and what is wrong with it, by field. Raises Stopped."""
    meant, wrong = _set(typed), dict[str, str]()
    if typed[CHAIN] not in ("", *CHAINS) or typed[WHAT] not in ("", *_acts(visit)):
        raise Stopped("not_found")
    if typed[WHO] and not (CODE.fullmatch(typed[WHO]) or ACTOR.fullmatch(typed[WHO])):
        staff = accounts.of_login(visit.tx, accounts.normal_login(typed[WHO])) if visit.method == "POST" else None
        if staff is None:
            wrong[WHO] = NO_WHO
        else:
            meant[WHO] = staff.code
    known = {*settings.organisations(), *settings.services, HUB, NETWORK}
    if typed[OBJECT] and typed[OBJECT] not in known and not CODE.fullmatch(typed[OBJECT]):
        try:
            meant[OBJECT] = str(UUID(typed[OBJECT]))
        except ValueError:
            wrong[OBJECT] = NO_OBJECT
    for name in (SINCE, UNTIL):
        try:
            _moment(typed[name])
        except ValueError:
            wrong[name] = NO_TIME
    return meant, wrong


def _noted(visit: Visit, said: Mapping[str, str]) -> dict[str, str]:
    """What the audit keeps of what was asked for: of what looks like a code of staff, only codes that there are."""
    return {
        name: UNKNOWN if CODE.fullmatch(value) and accounts.find(visit.tx, value) is None else value
        for name, value in _set(said).items()
    }


def _set(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _moment(said: str) -> datetime | None:
    """A time as the browser's field has it, which knows no zone: the page says that it is UTC. Raises ValueError."""
    return datetime.fromisoformat(said).replace(tzinfo=UTC) if said else None


def _acts(visit: Visit) -> dict[str, str]:
    """Every act that there is, by its words."""
    return dict(sorted(((act, said[visit.language]) for act, said in words.ACTS.items()), key=lambda one: one[1]))


def _rows(visit: Visit, entries: Sequence[Shown]) -> list[Row]:
    codes = {one.actor.removeprefix(STAFF) for one in entries if one.actor.startswith(STAFF)}
    names = accounts.names(visit.tx, codes)
    return [_row(one, names, visit.language) for one in entries]


def _row(one: Shown, names: Mapping[str, str], language: Language) -> Row:
    try:
        said = json.loads(one.details)
    except ValueError:  # somebody has changed it
        said = {}
    details = said if isinstance(said, dict) else {}
    people = details.get("people")
    return Row(
        one.number,
        one.at,
        one.actor.removeprefix(STAFF),
        names.get(one.actor.removeprefix(STAFF), ""),
        words.ACTS.get(one.act, {}).get(language, one.act),
        one.subject,
        [
            (in_words.name(name, language), "" if _is_typed(name, value) else _short(name, value, language))
            for name, value in details.items()
            if name not in LEFT_OUT
        ],
        len(people) if isinstance(people, list) else 0,
    )


def _is_typed(name: str, value: object) -> bool:
    """Whether it may be what somebody has typed, or the digest of that."""
    return name == TYPED and not is_reason(str(value)) and str(value) not in in_words.VALUES[TYPED]


def _short(name: str, value: object, language: Language) -> str:
    said = in_words.value(name, value, language)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"

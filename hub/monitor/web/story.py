"""Mensaje: what happened to this one, and to all that belongs with it; where it is now, and what took how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from pydantic import TypeAdapter
from starlette.responses import Response

from hub.console.web import mending_words, showing
from hub.console.web.acting import new_form_id
from hub.console.web.alert_words import FIRST, TITLES
from hub.console.web.errors import Stopped
from hub.console.web.log_words import NOT_SHOWN, STATES, WHY
from hub.console.web.saying import number
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.gateway import outcomes
from hub.gateway.audit.store import Act
from hub.gateway.http.problems import Language
from hub.monitor.log import confidential, stories
from hub.monitor.log.confidential import REFERENCE, NotOpened, Opened
from hub.monitor.log.counting import NOBODY
from hub.monitor.log.reading import Entry
from hub.monitor.log.stories import Story
from hub.monitor.mending import mended
from hub.monitor.seen import Seen
from hub.monitor.web import drawing, having, log, looking, operators
from hub.monitor.web.log import LogAway
from hub.monitor.web.operators import Words, actor, asking, record
from messaging import clock
from messaging.database import Connection
from messaging.identity import HUB
from messaging.inbox import RETRIES_AT_MOST
from messaging.topology import HUB as VHOST

OPENED: Final = TypeAdapter(Opened)
ABOUT: Final = 50  # messages about one subject, the newest, of which it is said who has them


@dataclass(frozen=True)
class Found:
    """What the log says of an id."""

    itself: tuple[Entry, ...]
    """The messages of this id; none where it is what messages are about, or what began them."""
    story: Story
    concerns: tuple[Entry, ...]
    """The messages of which it is said who has them, the oldest first: these and what they have caused, or what is
    about the same."""


def path_of(id: UUID) -> str:
    """Where a story is found."""
    return f"/mensaje/{id}"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        answer = visit.answer
        opened = OPENED.validate_python(answer["opened"]) if "opened" in answer else None
        return _page(visit, settings, opened, answer.get("wrong", {}), answer.get("problem", ""))

    def open_up(visit: Visit) -> Response:
        wrong = _wrong(visit)
        if wrong:
            return visit.send_back(wrong=wrong)
        reason = f"{visit.said('motivo')} {visit.said('referencia')}".strip()
        try:
            opened = log.ask(
                settings,
                lambda connection: confidential.open_up(
                    connection,
                    [_id(visit)],
                    actor=actor(visit),
                    subject=visit.staff.organisation,
                    reason=reason,
                    record=lambda act: _record(settings, act),
                ),
            )
        except (LogAway, NotOpened):
            return visit.send_back(problem=NOT_SHOWN)
        return visit.lead_to(once=True, opened=OPENED.dump_python(opened, mode="json"))

    return (Screen("message", "/mensaje/{id:uuid}", get=show, post=open_up, act="message_seen"),)


def _id(visit: Visit) -> UUID:
    return UUID(str(visit.path_params["id"]))


def _record(settings: Settings, act: Act) -> None:
    """Commit it to the audit. Raises Stopped."""
    try:
        record(settings, act)
    except psycopg.Error:
        raise Stopped("database_away") from None


def _wrong(visit: Visit) -> Mapping[str, str]:
    """What is wrong with the reason that was sent, by field."""
    found = {}
    if visit.said("motivo") not in WHY:
        found["motivo"] = mending_words.NO_WHY
    if any(visit.form.get("referencia", ())) and not REFERENCE.fullmatch(visit.said("referencia")):
        found["referencia"] = mending_words.NO_REFERENCE
    return found


def _page(visit: Visit, settings: Settings, opened: Opened | None, wrong: Mapping[str, str], problem: str) -> Response:
    """The page, with what was just opened: it is shown this once."""
    id = _id(visit)
    visit.note("message_seen", message=str(id))
    try:
        found, away = log.ask(settings, lambda connection: found_of(connection, id)), False
    except LogAway:
        found, away = None, True
    done = _mended(visit, settings, id if found is None or found.itself else None)
    if found is None:
        status = 200 if away or done["mended"] or done["stuck"] else 404
        return visit.page("story_unknown.html", status=status, id=id, away=away, **done)
    now, entries = clock.now(), found.story.entries
    looked, last = looking.last(visit, settings)
    return visit.page(
        "story.html",
        status=422 if wrong else 503 if problem else 200,
        id=id,
        short_code=next((one.short_code for one in entries if not found.itself and one.subject == id), None),
        itself=[_itself(one, last, settings, visit.language) for one in found.itself],
        standing=having.standing(found.concerns, looked, last, settings),
        titles=TITLES,
        firsts=FIRST,
        story=found.story,
        rows=[{**shown(one), **_times(one, now, visit.language)} for one in entries],
        sequence=drawing.sequence(entries),
        waterfall=drawing.waterfall(entries, now),
        moment=_moment,
        lists=_lists(found, id),
        hides=any(one.confidential for one in found.itself),
        opened=opened,
        states=STATES,
        why=WHY,
        wrong=wrong,
        problem=problem,
        **done,
    )


def _mended(visit: Visit, settings: Settings, id: UUID | None) -> dict[str, Any]:
    """What operators have done with a message, as the pages of those operations say it, and what they may do; and
    where that is not seen.

    None: the page is of no message.
    """
    if id is None:
        return {"mended": [], "stuck": [], "unmended": ""}
    try:
        with asking(visit):
            found = mended.look_up(settings.operators, id)
    except Stopped:  # so many pages ask already: this one has the rest to show
        found = mended.Found((), (), dict.fromkeys(settings.operators, "busy"))
    say = showing.saying(visit, settings)
    words = Words(visit, settings, say)
    who = {by: words.who(by) for by in {one.started_by for one in found.rows}}
    rows = [
        {
            "what": say.text(mending_words.KINDS[one.act]),
            "path": operators.path_of(one.operation_id),
            "service": one.service,
            "at": _moment(one.started_at),
            "who": who[one.started_by],
            "why": words.reason(one.act, one.why),
            "result": say.text(mending_words.RESULTS[one.result]),
            "code": words.code(one.code),
            "place": words.place(one.error) if one.result == "quarantined" else "",
        }
        for one in found.rows
    ]
    stuck = [
        {"service": one.service, "number": one.parked_id, "place": words.place(one.error), "acts": acts}
        for one in found.stuck
        if (acts := [(act, say.text(mending_words.ASKS[act]), new_form_id()) for act in _acts(one)])
    ]
    return {"mended": rows, "stuck": stuck, "unmended": words.unseen(found.unseen)}


def _acts(one: mended.Stuck) -> list[str]:
    may = {"retry": one.may_be_retried, "give_back": one.may_be_given_back}
    return [act for act in may if may[act]]


def found_of(connection: Connection, id: UUID) -> Found | None:
    asked = stories.asked(connection, id, about=ABOUT)
    if asked is None:
        return None
    entries = asked.story.entries
    if asked.itself:
        ids = {one.id for one in asked.itself}
        concerns = tuple(one for one in entries if one.id in ids or one.causation in ids)
    else:
        concerns = tuple(reversed(asked.about)) or entries
    return Found(asked.itself, asked.story, concerns)


def shown(one: Entry) -> dict[str, Any]:
    """A message as a row shows it: what each service has said last, together those that say the same."""
    said: dict[tuple[str, str | None], list[str]] = {}
    for part in one.now:
        said.setdefault((part.state, part.code), []).append(part.service)
    return {
        "id": one.id,
        "path": path_of(one.id),
        "at": _moment(one.arrived_at),
        "type": one.type,
        "source": name(one.source),
        "to": name(drawing.to(one)),
        "about": one.short_code or one.subject,
        "refused": one.kind == "refused",
        "is_answered": one.source != HUB,
        "failed": one.failed,
        "confidential": one.confidential,
        "erased": one.erased,
        "said": [(STATES[state], code, sorted(who)) for (state, code), who in sorted(said.items(), key=str)],
    }


def name(id: str) -> str:
    """An organisation as pages of operations name it: by its id; empty of one that the log does not show."""
    return {HUB: "Ruta", NOBODY: ""}.get(id, id)


def _itself(one: Entry, last: Seen | None, settings: Settings, language: Language) -> dict[str, Any]:
    """The message that was asked for: its envelope, and where it is now."""
    is_read_here = one.recipient is None and one.source != HUB and one.kind == "passed" and not one.confidential
    readers = outcomes.readers(one.type, settings.services) if one.type and is_read_here else ()
    whole = outcomes.whole([having.said(part) for part in one.now], readers)
    knows = bool(one.now) or is_read_here
    return {
        **shown(one),
        "one": one,
        "sent_at": _moment(one.sent_at) if one.sent_at is not None else "",
        "where": outcomes.in_words(whole, language) if knows else [],
        "tried_again": RETRIES_AT_MOST
        if any(part.state == "waits" and part.code == "failed" for part in whole.said)
        else 0,
        "waits": [(part.waiting_for, path_of(part.waiting_for)) for part in one.now if part.waiting_for],
        "queues": [
            (queue.name, _length(timedelta(seconds=queue.age), language) if queue.messages and queue.age else "")
            for queue in (last and last.queues) or ()
            if knows and queue.vhost == VHOST and queue.name in whole.silent
            if queue.age is not None or queue.messages == 0
        ],
    }


def _times(one: Entry, now: datetime, language: Language) -> dict[str, Any]:
    its = drawing.times(one, now)
    return {
        "way": _length(its.way, language) if its.way is not None else "",
        "work": _length(its.work, language) if its.work is not None else "",
        "waited": _length(its.waited, language) if its.waits else "",
    }


def _lists(found: Found, id: UUID) -> list[str]:
    """Where all of it stands as a list: what is about the same, what began with the same."""
    about = {one.subject for one in found.story.entries if one.subject} & {
        id, *(one.subject for one in found.itself if one.subject)
    }  # fmt: skip
    began = {one.correlation for one in found.story.entries} & {id, *(one.correlation for one in found.itself)}
    return [*(f"/mensajes?sobre={one}" for one in sorted(about)), *(f"/mensajes?hilo={one}" for one in sorted(began))]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _length(took: timedelta, language: Language) -> str:
    """How long, by the largest units: `3 d 4 h`, `5 min 2 s`, `0.12 s` or `0,12 s`."""
    seconds = took.total_seconds()
    if seconds < 10:
        return f"{number(seconds, language, 2)} s"
    parts, left = list[str](), round(seconds)
    for unit, many in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if left >= many and len(parts) < 2:
            parts.append(f"{left // many} {unit}")
            left %= many
    return " ".join(parts)

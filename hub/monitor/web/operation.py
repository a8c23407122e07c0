"""Operación: a dry run with the messages that it has bound, and what came of each once it was started."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from starlette.responses import RedirectResponse, Response

from hub.console.web import mending_words, showing
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import BY_ITSELF, Visit
from hub.monitor import waiting
from hub.monitor.log.confidential import REFERENCE
from hub.monitor.mending import operations
from hub.monitor.mending.failures import AT_ONCE
from hub.monitor.mending.operations import MendingError, Message, Operation
from hub.monitor.web.looking import is_number
from hub.monitor.web.operators import Words, actor, asking, not_done, path_of, problem_of, record, replay_path
from messaging import database

COUNTS: Final = ("selected", "applied", "refused", "quarantined", "given_back", "stopped", "remaining")
LOOKS_AGAIN: Final = 3  # seconds at least until the page of what goes on asks again
LOOKS_RARELY: Final = 60  # seconds at most
ALTHOUGH: Final = 409  # the status of a page that says that something was not done


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, problem_of(visit), visit.answer.get("wrong", {}))

    def start(visit: Visit) -> Response:
        id = _id(visit)
        try:
            with asking(visit):
                act = operations.look(settings.operators, id).act
                if wrong := _wrong(visit, act):
                    why = ""
                else:
                    why = f"{visit.said('motivo')} {visit.said('referencia')}".strip()
                    operations.start(
                        settings.operators, id, visit.said("digest"), actor(visit), why, lambda a: record(settings, a)
                    )
        except MendingError as error:
            return not_done(visit, path_of(id), error)
        return visit.send_back(wrong=wrong) if wrong else RedirectResponse(path_of(id), 303)

    def stop(visit: Visit) -> Response:
        id = _id(visit)
        try:
            with asking(visit):
                operations.stop(settings.operators, id, actor(visit), lambda act: record(settings, act))
        except MendingError as error:
            return not_done(visit, path_of(id), error)
        return RedirectResponse(path_of(id), 303)

    return (
        Screen("operation", "/operacion/{operation_id:uuid}", get=show, post=start, act="operation_seen"),
        Screen("operation_stopped", "/operacion/{operation_id:uuid}/detener", post=stop),
    )


def _id(visit: Visit) -> UUID:
    return UUID(str(visit.path_params["operation_id"]))


def _wrong(visit: Visit, act: str) -> Mapping[str, str]:
    """What is wrong with the reason that was sent, by field."""
    found = {}
    if visit.said("motivo") not in mending_words.WHY[act]:
        found["motivo"] = mending_words.NO_WHY
    if any(visit.form.get("referencia", ())) and not REFERENCE.fullmatch(visit.said("referencia")):
        found["referencia"] = mending_words.NO_REFERENCE
    return found


def _page(visit: Visit, settings: Settings, problem: MendingError | None, wrong: Mapping[str, str]) -> Response:
    """The page, with what was not done. Raises Stopped where nobody knows of the operation."""
    id, say = _id(visit), showing.saying(visit, settings)
    words = Words(visit, settings, say)
    visit.note("operation_seen", operation=str(id))
    status = 422 if wrong else ALTHOUGH if problem else 200
    said = words.problem(problem) if problem and problem.code in mending_words.PROBLEMS else ""
    try:
        with asking(visit):
            found = operations.look(settings.operators, id)
            if found.act not in operations.ACTS:
                return RedirectResponse(replay_path(id), 303)
            shares = operations.shares(settings.operators, id)
            messages = _messages(visit, settings, found)
    except MendingError as error:
        if error.code == "unknown_operation" and settings.operators:
            raise Stopped("not_found") from None
        unseen = ", ".join(error.where)
        return visit.page("operation_unseen.html", status=status, problem=said, unseen=unseen)
    going_on = found.is_started and found.sum_of("remaining") > 0
    page = visit.page(
        "operation.html",
        status=status,
        problem=said,
        is_over=problem is not None and problem.code in mending_words.ENDS,
        wrong={name: say.text(text) for name, text in wrong.items()},
        say=say,
        words=words,
        one=found,
        kind=say.text(mending_words.KINDS[found.act]),
        starts=say.text(mending_words.STARTS[found.act]),
        will=say.text(mending_words.WILL[found.act]),
        reasons=[(code, say.text(label)) for code, label in mending_words.WHY[found.act].items()],
        sums={count: found.sum_of(count) for count in COUNTS},
        to_start=[part for part in found.parts if part.selected and part.started_at is None],
        unseen=words.unseen(found.unseen),
        senders=_senders(shares, words),
        waits=_senders(shares, words, waiting_alone=True),
        codes=_codes(shares, words),
        results={result: say.text(text) for result, text in mending_words.RESULTS.items()},
        **messages,
    )
    if going_on and not visit.answer:
        page.headers["refresh"] = f"{looks_again(found, say.now.timestamp())};url={visit.path}?{BY_ITSELF}=1"
    return page


def looks_again(found: Operation, now: float) -> int:
    """In how many seconds the page asks again: the less often the longer it takes."""
    since = max(part.started_at.timestamp() for part in found.parts if part.started_at is not None)
    return max(LOOKS_AGAIN, min(LOOKS_RARELY, math.ceil((now - since) / 2)))


def _messages(visit: Visit, settings: Settings, found: Operation) -> dict[str, Any]:
    """The messages of one service, from where the page's address says on. Raises Stopped."""
    services = [part.service for part in found.parts]
    service, after = visit.query.get("servicio", services[0]), visit.query.get("tras", "0")
    if service not in services or not is_number(after):
        raise Stopped("not_found")
    try:
        messages: Sequence[Message] = operations.messages(settings.operators[service], _id(visit), after=int(after))
    except psycopg.Error as error:
        raise MendingError(database.problem(error), [service]) from None
    next = messages[-1].parked_id if len(messages) == AT_ONCE else None
    is_open = bool(visit.query) and not visit.answer
    return {"service": service, "services": services, "messages": messages, "next": next, "is_open": is_open}


def _senders(
    shares: Mapping[str, Sequence[operations.Share]], words: Words, *, waiting_alone: bool = False
) -> list[tuple[str, int]]:
    """Who has sent the messages, or those of them that wait for us, and how many each, the most first."""
    counted = Counter[str]()
    for of_service in shares.values():
        for one in of_service:
            if not waiting_alone or waiting.whose([(one.was, one.source)]):
                counted[words.sender(one.source)] += one.messages
    return counted.most_common()


def _codes(shares: Mapping[str, Sequence[operations.Share]], words: Words) -> list[tuple[str | None, str, int]]:
    """What it came to, and by which code, where it was not applied."""
    counted = Counter[tuple[str | None, str]]()
    for of_service in shares.values():
        for one in of_service:
            if one.result in ("refused", "quarantined"):
                counted[one.result, words.code(one.code)] += one.messages
    return [(result, code, many) for (result, code), many in counted.most_common()]

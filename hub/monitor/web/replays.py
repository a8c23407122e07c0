"""Repeticiones: what would be said again, the dry run of it, who confirms it, and how far that is."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg
from starlette.responses import RedirectResponse, Response

from contracts import CONTRACTS
from hub.console.web import mending_words, replay_words, showing
from hub.console.web.acting import form_id_of, new_form_id
from hub.console.web.errors import Stopped
from hub.console.web.saying import number
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import BY_ITSELF, Visit
from hub.console.web.words import N_
from hub.gateway.http.problems import Language
from hub.monitor.log.confidential import REFERENCE
from hub.monitor.mending import operations, replays
from hub.monitor.mending.failures import AT_ONCE
from hub.monitor.mending.operations import MendingError, Operation
from hub.monitor.mending.replays import RATE_ALONE, RATE_AT_MOST, REPLAY, Selection
from hub.monitor.web.looking import is_number, today, when
from hub.monitor.web.operation import ALTHOUGH, looks_again
from hub.monitor.web.operators import REPLAYS, TYPED, Words, actor, asking, not_done, problem_of, record, replay_path
from messaging import clock, database, outbox
from messaging.identity import HUB

COUNTS: Final = ("selected", "said", "erased", "expired", "stopped", "remaining")
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)  # nothing was published, and each zone has an hour for it
START, ASK, ALONE, CONFIRM = "empezar", "pedir", "sola", "confirmar"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, problem_of(visit), visit.answer.get("wrong", {}))

    def plan(visit: Visit) -> Response:
        operation_id = form_id_of(visit)
        selection, wrong = _selection(visit, settings)
        if selection is None:
            return visit.send_back(wrong=wrong)
        try:
            with asking(visit):
                planned = replays.plan(settings.operators, operation_id, actor(visit), selection)
        except MendingError as error:
            return not_done(visit, REPLAYS, error)
        visit.note(
            "replay_planned",
            operation=str(operation_id),
            contract=selection.contract,
            organisation=selection.organisation,
            messages=planned.sum_of("selected"),
        )
        return RedirectResponse(replay_path(operation_id), 303)

    def show_one(visit: Visit) -> Response:
        return _one(visit, settings, problem_of(visit), visit.answer.get("wrong", {}))

    def act(visit: Visit) -> Response:
        id, what = _id(visit), visit.said("acto")
        wrong = _wrong(visit, what)
        if wrong:
            return visit.send_back(wrong=wrong)
        binds = (settings.operators, id, visit.said("digest"), actor(visit))
        why = visit.said("razon") if what == ALONE else f"{visit.said('motivo')} {visit.said('referencia')}".strip()
        how = (why, _rate(visit) or RATE_ALONE, lambda act: record(settings, act))

        def do() -> None:
            if what == ASK:
                replays.ask_second(*binds, *how)
            else:
                replays.start(*binds, *how, alone=what == ALONE)

        return _done(visit, settings, do)

    def follow(call: Callable[..., Operation]) -> Callable[[Visit], Response]:
        def do(visit: Visit) -> Response:
            return _done(
                visit,
                settings,
                lambda: call(settings.operators, _id(visit), actor(visit), lambda act: record(settings, act)),
            )

        return do

    one = "/repeticiones/{operation_id:uuid}"
    return (
        Screen("replays", REPLAYS, get=show, post=plan, label=N_("Repeticiones"), act="replays_seen"),
        Screen("replay", one, get=show_one, post=act, act="replays_seen"),
        Screen("replay_stopped", f"{one}/detener", post=follow(operations.stop)),
        Screen("replay_resumed", f"{one}/seguir", post=follow(replays.resume)),
        Screen("replay_reviewed", f"{one}/revisada", post=follow(replays.review)),
    )


def _id(visit: Visit) -> UUID:
    return UUID(str(visit.path_params["operation_id"]))


def _done(visit: Visit, settings: Settings, do: Callable[[], object]) -> Response:
    """Do it, and lead to the page of the replay, which says why where it was not done."""
    try:
        with asking(visit):
            if operations.look(settings.operators, _id(visit)).act != REPLAY:
                raise Stopped("not_found")
            do()
    except MendingError as error:
        return not_done(visit, replay_path(_id(visit)), error)
    return RedirectResponse(replay_path(_id(visit)), 303)


# -- the list, and what is asked for -----------------------------------------------------------------------------------


def _selection(visit: Visit, settings: Settings) -> tuple[Selection | None, Mapping[str, str]]:
    """What the form asks for, and what is wrong with it, by field. Raises Stopped where no form has sent that."""
    contract, organisation = visit.said("contrato"), visit.said("organizacion")
    if organisation and organisation != HUB and organisation not in settings.organisations():
        raise Stopped("unreadable")
    since, until = _moment(visit.said("desde")), _moment(visit.said("hasta"))
    if not visit.said("hasta"):
        until = clock.now()
    wrong = {}
    if contract not in CONTRACTS:
        wrong["contrato"] = replay_words.NO_CONTRACT
    if since is None or until is None or since >= until:
        wrong["desde"] = replay_words.NO_TIME
    if wrong or since is None or until is None:
        return None, wrong
    return Selection(contract, organisation or None, since, until), {}


def _moment(said: str) -> datetime | None:
    """A time as the browser's field has it, which knows no zone: the page says that it is UTC. None: it is none."""
    try:
        at = datetime.fromisoformat(said).replace(tzinfo=UTC) if said else None
    except ValueError:
        return None
    return at if at is not None and at > LONG_AGO else None


def _page(visit: Visit, settings: Settings, problem: MendingError | None, wrong: Mapping[str, str]) -> Response:
    say = showing.saying(visit, settings)
    words = Words(visit, settings, say)
    with asking(visit):
        found = replays.listed(settings.operators)
    visit.note("replays_seen", count=len(found))
    hours = outbox.kept() // timedelta(hours=1)
    return visit.page(
        "replays.html",
        status=422 if wrong else ALTHOUGH if problem else 200,
        today=today(say),
        say=say,
        words=words,
        problem=words.problem(problem, replay_words.PROBLEMS) if problem else "",
        wrong={name: say.text(text) for name, text in wrong.items()},
        is_seen=bool(settings.operators),
        found=found,
        path_of=replay_path,
        form_id=new_form_id(),
        contracts=sorted(CONTRACTS),
        organisations=sorted({*settings.organisations(), HUB}),
        hours=hours,
    )


# -- one of them -------------------------------------------------------------------------------------------------------


def _wrong(visit: Visit, what: str) -> Mapping[str, str]:
    """What is wrong with what was sent, by field. Raises Stopped where no button sends that."""
    if what not in (START, ASK, ALONE, CONFIRM):
        raise Stopped("unreadable")
    found = {}
    if what in (START, ASK):
        if visit.said("motivo") not in mending_words.WHY[REPLAY]:
            found["motivo"] = mending_words.NO_WHY
        if any(visit.form.get("referencia", ())) and not REFERENCE.fullmatch(visit.said("referencia")):
            found["referencia"] = mending_words.NO_REFERENCE
        if _rate(visit) is None:
            found["ritmo"] = replay_words.NO_RATE
    reason = visit.said("razon")
    if what == ALONE and not (TYPED.fullmatch(reason) and reason.isprintable()):
        found["razon"] = replay_words.NO_TYPED_REASON
    return found


def _rate(visit: Visit) -> int | None:
    said = visit.said("ritmo", 4)
    return int(said) if said.isascii() and said.isdigit() and 1 <= int(said) <= RATE_AT_MOST else None


def _one(visit: Visit, settings: Settings, problem: MendingError | None, wrong: Mapping[str, str]) -> Response:
    """The page of one, with what was not done. Raises Stopped where nobody knows of it."""
    id, say = _id(visit), showing.saying(visit, settings)
    words = Words(visit, settings, say)
    visit.note("replays_seen", operation=str(id))
    status = 422 if wrong else ALTHOUGH if problem else 200
    said = words.problem(problem, replay_words.PROBLEMS) if problem and problem.code in replay_words.PROBLEMS else ""
    try:
        with asking(visit):
            found = operations.look(settings.operators, id)
            if found.act != REPLAY:
                raise Stopped("not_found")
            messages = _messages(visit, settings, found)
    except MendingError as error:
        if error.code == "unknown_operation" and settings.operators:
            raise Stopped("not_found") from None
        unseen = ", ".join(error.where)
        return visit.page("replay_unseen.html", status=status, problem=said, unseen=unseen)
    first, me = found.parts[0], actor(visit)
    chosen = first.selection or {}
    page = visit.page(
        "replay.html",
        status=status,
        problem=said,
        is_over=problem is not None and problem.code in mending_words.ENDS,
        wrong={name: say.text(text) for name, text in wrong.items()},
        say=say,
        words=words,
        one=found,
        contract=words.contract(chosen.get("contract")),
        organisation=words.sender(chosen["organisation"]) if chosen.get("organisation") else "",
        since=when(say, chosen["since"] or ""),
        until=when(say, chosen["until"] or ""),
        size=_size(found.sum_of("bytes"), visit.language),
        largest=_size(max(part.largest for part in found.parts), visit.language),
        sums={count: found.sum_of(count) for count in COUNTS},
        to_start=found.to_start,
        unseen=words.unseen(found.unseen),
        reasons=[(code, say.text(label)) for code, label in mending_words.WHY[REPLAY].items()],
        takes_two=replays.takes_two(found),
        is_second=replays.is_second(found, me),
        asked=first if first.asked_by is not None else None,
        rate=round(replays.rate_of(found)),
        is_owed=any(part.review_due and part.reviewed_at is None for part in found.parts),
        reviewed=next((part for part in found.parts if part.reviewed_at is not None), None),
        is_mine=me in {part.started_by for part in found.parts},
        results={result: say.text(text) for result, text in replay_words.RESULTS.items()},
        size_of=partial(_size, language=visit.language),
        **messages,
    )
    if found.is_started and found.sum_of("remaining") and not visit.answer:
        page.headers["refresh"] = f"{looks_again(found, say.now.timestamp())};url={visit.path}?{BY_ITSELF}=1"
    return page


def _messages(visit: Visit, settings: Settings, found: Operation) -> dict[str, Any]:
    """The messages of one service, from where the page's address says on. Raises Stopped."""
    services = [part.service for part in found.parts]
    service, after = visit.query.get("servicio", services[0]), visit.query.get("tras", "0")
    if service not in services or not is_number(after):
        raise Stopped("not_found")
    try:
        messages = replays.messages(settings.operators[service], found.operation_id, after=int(after))
    except psycopg.Error as error:
        raise MendingError(database.problem(error), [service]) from None
    next = messages[-1].position if len(messages) == AT_ONCE else None
    is_open = bool(visit.query) and not visit.answer
    return {"service": service, "services": services, "messages": messages, "next": next, "is_open": is_open}


def _size(count: int | None, language: Language) -> str:
    """So many bytes, in a unit that people say."""
    if count is None:
        return ""
    for unit, many in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= many:
            return f"{number(count / many, language, 1)} {unit}"
    return f"{count} bytes"

"""Fallos: what broke in the services, in groups with one cause, and the dry run of what may be done about one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import psycopg
from starlette.responses import RedirectResponse, Response

from hub.console.web import mending_words, showing
from hub.console.web.acting import form_id_of, new_form_id
from hub.console.web.errors import Stopped
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor import waiting
from hub.monitor.mending import failures, operations, terminal
from hub.monitor.mending.failures import Cause, Group
from hub.monitor.mending.operations import Acting, MendingError, Operation
from hub.monitor.seen import SeenQueue
from hub.monitor.web import looking
from hub.monitor.web.operators import FAILURES, Words, actor, asking, not_done, path_of, problem_of
from messaging.topology import GATEWAY

SHOWN: Final = 50  # groups
ASIDE: Final = ("unrouted", "dead")
LONGEST: Final = 1000  # of the place of an error, which stands in a form


@dataclass(frozen=True)
class Row:
    """A group as the page shows it."""

    group: Group
    contract: str
    reason: str
    place: str
    means: str
    hint: str
    """What of it is not shown; empty where all is."""
    senders: Sequence[str]
    waits: Sequence[str]
    """Of the senders those that wait for us."""
    acts: Sequence[tuple[str, str, int, str]]
    """What may be done: the act, its label, with how many messages, and the id of its form."""


@dataclass(frozen=True)
class Done:
    """What somebody has mended, here or in a terminal."""

    label: str
    path: str  # empty where it has no page
    at: datetime
    who: str
    messages: int
    came: str
    """Its state, and what came of it; what is typed stands between grave accents."""


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, problem_of(visit))

    def plan(visit: Visit) -> Response:
        operation_id, act = form_id_of(visit), visit.said("acto")
        if act not in operations.ACTS or (visit.said("todo") and act != "retry"):
            raise Stopped("unreadable")
        cause, ids = _chosen(visit)
        try:
            with asking(visit):
                planned = operations.plan(settings.operators, operation_id, cast(Acting, act), actor(visit), cause, ids)
        except MendingError as error:
            if error.code == "unknown_service":
                raise Stopped("not_found") from None
            return not_done(visit, FAILURES, error)
        visit.note("mending_planned", operation=str(operation_id), of=planned.act, messages=planned.sum_of("selected"))
        return RedirectResponse(path_of(operation_id), 303)

    screen = Screen(
        "failures", FAILURES, get=show, post=plan, label=N_("Fallos"), act="failures_seen", in_emergency=True
    )
    return (screen,)


def _chosen(visit: Visit) -> tuple[Cause, Mapping[str, Sequence[int]] | None]:
    """What the dry run is to be about: all, a group, or one message of a service. Raises Stopped."""
    if visit.said("todo"):
        return Cause(), None
    service, number = visit.said("servicio", LONGEST), visit.said("numero")
    if not number:
        return Cause(service, *(visit.said(name, LONGEST) for name in ("contrato", "motivo", "lugar"))), None
    if not looking.is_number(number):
        raise Stopped("unreadable")
    return Cause(service), {service: [int(number)]}


def _page(visit: Visit, settings: Settings, problem: MendingError | None) -> Response:
    say = showing.saying(visit, settings)
    words = Words(visit, settings, say)
    with asking(visit):
        found = failures.read(settings.operators)
        from_terminal = _from_terminal(settings)
        # Who acted is read in the console's database.
        recent = operations.recent(settings.operators) if visit.emergency is None else ()
    stuck = [one for one in found.groups if one.state == "quarantined"]
    visit.note("failures_seen", count=len(stuck))
    return visit.page(
        "failures.html",
        status=409 if problem else 200,
        say=say,
        words=words,
        problem=words.problem(problem) if problem else "",
        is_seen=len(found.unseen) < len(settings.operators),
        unseen=words.unseen(found.unseen),
        rows=[*_rows(stuck[:SHOWN], words, say)],
        more=max(len(stuck) - SHOWN, 0),
        messages=sum(one.messages for one in stuck),
        together=_together(stuck),
        others=[*_rows([one for one in found.groups if one.state != "quarantined"][:SHOWN], words, say)],
        done=_done(recent, from_terminal, words, say),
        terminal_unseen=from_terminal is None,
        aside=_aside(visit, settings),
    )


def _from_terminal(settings: Settings) -> Sequence[terminal.Done] | None:
    """What was mended in a terminal; None where the database does not answer."""
    url = settings.operators.get(GATEWAY)
    if url is None:
        return ()
    try:
        return terminal.recent(url)
    except psycopg.Error:
        return None


def _done(
    here: Sequence[Operation], there: Sequence[terminal.Done] | None, words: Words, say: Saying
) -> Sequence[Done]:
    """All that was mended lately, the last first."""
    found = [_done_here(one, words, say) for one in here] + [_done_there(one, words, say) for one in there or ()]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _done_here(one: Operation, words: Words, say: Saying) -> Done:
    part = one.parts[0]
    remaining, stopped, failed = (one.sum_of(count) for count in ("remaining", "stopped", "quarantined"))
    if remaining:
        came = say.text(mending_words.REMAIN) % {"count": remaining}
    elif stopped:
        came = say.text(mending_words.STOPPED) % {"count": stopped}
    elif failed:
        came = say.text(mending_words.ENDED_IN_PART) % {"count": failed}
    else:
        came = say.text(mending_words.ENDED)
    where = ", ".join(part.service for part in one.parts)
    return Done(
        f"{say.text(mending_words.KINDS[one.act])}, {where}",
        path_of(one.operation_id),
        part.started_at or part.planned_at,
        words.who(part.started_by),
        one.sum_of("selected"),
        came,
    )


def _done_there(one: terminal.Done, words: Words, say: Saying) -> Done:
    if one.ended_at is None:
        came = say.text(mending_words.CUT_OFF[one.act]) % {"id": one.operation_id}
    elif one.act == terminal.PUT_BACK:
        counts = {"put_back": one.put_back or 0, "stayed": one.stayed or 0, "gone": one.gone or 0}
        came = say.text(mending_words.PUT_BACK_ENDED) % counts
    else:
        missing = one.missing or 0
        counts = {"came": one.selected - missing, "missing": missing, "asked_for": one.asked_for or 0}
        came = say.text(mending_words.SAID_AGAIN_ENDED) % counts
    label = say.text(mending_words.FROM_TERMINAL[one.act])
    return Done(label, "", one.started_at, words.who(one.started_by), one.selected, came)


def _together(stuck: Sequence[Group]) -> tuple[int, str] | None:
    """With how many messages of all groups another try may be made at once, and the id of that form.

    None where one group alone has any.
    """
    may = [one.may_be_retried for one in stuck if one.may_be_retried]
    return (sum(may), new_form_id()) if len(may) > 1 else None


def _aside(visit: Visit, settings: Settings) -> Sequence[SeenQueue] | None:
    """The queues in which lies what no other took, or what was delivered in vain, as far as that was seen just now.

    None where nothing lies there that was seen, and not all was: nobody knows.
    """
    _, seen = looking.last(visit, settings)
    known = [one for one in (seen and seen.queues) or () if one.name in ASIDE]
    found = [one for one in known if one.messages]
    is_whole = bool(known) and all(one.messages is not None for one in known)
    return found if found or is_whole else None


def _rows(groups: Sequence[Group], words: Words, say: Saying) -> Iterator[Row]:
    for one in groups:
        goes_on = one.state != "quarantined"
        means = mending_words.GOES_ON if goes_on else mending_words.MEANS.get(one.reason, mending_words.UNREADABLE)
        if one.reason == waiting.NOT_SHOWN:
            means = mending_words.KEPT_BACK
        may = {"retry": one.may_be_retried, "give_back": one.may_be_given_back} if words.says(one) else {}
        yield Row(
            one,
            words.contract(one.contract),
            words.code(one.reason),
            words.place(one.error),
            say.text(means),
            say.text(mending_words.CASE_NOT_SHOWN) if one.confidential else "",
            [words.sender(sender) for sender in one.senders],
            [words.sender(who) for who in waiting.whose((one.reason, sender) for sender in one.senders)],
            [(act, say.text(mending_words.ASKS[act]), many, new_form_id()) for act, many in may.items() if many],
        )

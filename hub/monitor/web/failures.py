"""Fallos: what broke in the services, in groups with one cause, and the dry run of what may be done about one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

from starlette.responses import RedirectResponse, Response

from hub.console.web import mending_words, showing
from hub.console.web.acting import form_id_of, new_form_id
from hub.console.web.errors import Stopped
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from hub.monitor.mending import failures, operations
from hub.monitor.mending.failures import Cause, Group
from hub.monitor.mending.operations import Acting, MendingError
from hub.monitor.seen import SeenQueue
from hub.monitor.web import looking
from hub.monitor.web.operators import FAILURES, Words, actor, asking, not_done, path_of, problem_of

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
    senders: Sequence[str]
    acts: Sequence[tuple[str, str, int, str]]
    """What may be done: the act, its label, with how many messages, and the id of its form."""


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings, problem_of(visit))

    def plan(visit: Visit) -> Response:
        operation_id, act = form_id_of(visit), visit.said("acto")
        if act not in operations.ACTS:
            raise Stopped("unreadable")
        cause = Cause(*(visit.said(name, LONGEST) for name in ("servicio", "contrato", "motivo", "lugar")))
        try:
            with asking(visit):
                planned = operations.plan(settings.operators, operation_id, cast(Acting, act), actor(visit), cause)
        except MendingError as error:
            if error.code == "unknown_service":
                raise Stopped("not_found") from None
            return not_done(visit, FAILURES, error)
        visit.note("mending_planned", operation=str(operation_id), of=planned.act, messages=planned.sum_of("selected"))
        return RedirectResponse(path_of(operation_id), 303)

    return (Screen("failures", FAILURES, get=show, post=plan, label=N_("Fallos"), act="failures_seen"),)


def _page(visit: Visit, settings: Settings, problem: MendingError | None) -> Response:
    say = showing.saying(visit, settings)
    words = Words(visit, settings, say)
    with asking(visit):
        found = failures.read(settings.operators)
        recent = operations.recent(settings.operators)
    stuck = [one for one in found.groups if one.state == "quarantined"]
    visit.note("failures_seen", count=len(stuck))
    return visit.page(
        "failures.html",
        status=409 if problem else 200,
        say=say,
        words=words,
        kinds=mending_words.KINDS,
        problem=words.problem(problem) if problem else "",
        is_seen=len(found.unseen) < len(settings.operators),
        unseen=words.unseen(found.unseen),
        rows=[*_rows(stuck[:SHOWN], words, say)],
        more=max(len(stuck) - SHOWN, 0),
        messages=sum(one.messages for one in stuck),
        others=[*_rows([one for one in found.groups if one.state != "quarantined"][:SHOWN], words, say)],
        recent=recent,
        aside=_aside(visit, settings),
        path_of=path_of,
    )


def _aside(visit: Visit, settings: Settings) -> Sequence[SeenQueue]:
    """The queues in which lies what no other took, or what was delivered in vain, as far as that was seen just now."""
    _, seen = looking.last(visit, settings)
    return [one for one in (seen and seen.queues) or () if one.name in ASIDE and one.messages]


def _rows(groups: Sequence[Group], words: Words, say: Saying) -> Iterator[Row]:
    for one in groups:
        goes_on = one.state != "quarantined"
        means = mending_words.GOES_ON if goes_on else mending_words.MEANS.get(one.reason, mending_words.UNREADABLE)
        may = {"retry": one.may_be_retried, "give_back": one.may_be_given_back} if words.says(one) else {}
        yield Row(
            one,
            words.contract(one.contract),
            words.code(one.reason),
            words.place(one.error),
            say.text(means),
            [words.sender(sender) for sender in one.senders],
            [(act, say.text(mending_words.ASKS[act]), many, new_form_id()) for act, many in may.items() if many],
        )

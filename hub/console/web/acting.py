"""Responder, and all else that can be done about a referral: the form, its effect, and what became of it.

What somebody does is kept with the page that they sent, under the id of the form: sent twice, or from two devices, it
is done once. A moment later, in which it can be undone, console-acting says it to the network.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.responses import RedirectResponse, Response

import contracts
from contracts import refusals, sealing
from contracts.blocks import NoteBlock
from contracts.codes import NoteKind, ReferralEvent, ReferralState
from contracts.transitions import ENDED
from hub.console.hosting import uses_screens
from hub.console.store import acts, cases, passing
from hub.console.store.acts import ActState
from hub.console.store.cases import Case
from hub.console.web import act_words, consents, fields, kept, moves, showing
from hub.console.web.errors import WORDS, Stopped
from hub.console.web.fields import Field, Kind, Wrong, shown_moment
from hub.console.web.moves import Move, Offered, Standing
from hub.console.web.permissions import OF_CASES, Role
from hub.console.web.saying import Saying
from hub.console.web.screen import SOON, Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging import clock
from messaging.database import Row
from messaging.public_keys import sealed_to

FORM_ID: Final = kept.FORM_ID
LOOKS_RARELY: Final = 60  # seconds at most
SAID_WITHIN: Final = timedelta(seconds=30)  # otherwise it is told that it could not be said yet
SHOWN_FOR: Final = timedelta(hours=12)  # an act that has ended, on the page of its case


@dataclass(frozen=True)
class Asked:
    """A field as a page shows it."""

    field: Field
    label: str
    hint: str
    options: Sequence[tuple[str, str]]
    """Values, and what they are called."""
    typed: Sequence[str]
    error: str


@dataclass(frozen=True)
class Done:
    """An act as a page shows it."""

    row: Row
    label: str
    told: str
    why: str
    """In words, of one that is refused or waits."""
    is_open: bool
    """Whether something is still to come of it."""


@dataclass(frozen=True)
class Buttons:
    """What stands on the page of a case."""

    standing: Standing
    offered: Sequence[Offered]
    """With obstacles in words."""
    done: Sequence[Done]
    is_hosted: bool
    """Whether its staff act from here at all."""

    @property
    def has_next(self) -> bool:
        """Whether the first of what is offered is what comes next: nothing stands against it, and it is no note."""
        return bool(self.offered) and not self.offered[0].obstacle and self.offered[0].move not in moves.NOTES

    @staticmethod
    def form_id() -> str:
        """An id for the form of a button."""
        return new_form_id()


def path_of(referral_id: UUID, name: str) -> str:
    """Where a form is."""
    return f"/caso/{referral_id}/hacer/{name}"


def done_path(message_id: UUID) -> str:
    """Where it is told what became of an act."""
    return f"/hecho/{message_id}"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def ask(visit: Visit) -> Response:
        standing = standing_here(visit, settings)
        try:
            move = _move(visit, standing)
        except Stopped as stopped:
            page = _no_longer(visit, settings, standing) if stopped.code == "changed" else None
            if page is None:
                raise
            return page
        return _form(visit, settings, standing, move, visit.answer.get("wrong", {}))

    def do(visit: Visit) -> Response:
        standing = standing_here(visit, settings)
        form_id = form_id_of(visit)
        if acts.find(visit.tx, form_id, visit.staff.organisation) is not None:
            return RedirectResponse(done_path(form_id), 303)  # it was sent before
        move = _move(visit, standing)
        try:
            decision = _decision(visit, settings, standing, move, form_id)
        except Wrong as wrong:
            return visit.send_back(wrong=dict(wrong.fields))
        hold = timedelta(seconds=settings.undo_seconds) if move.undoable else timedelta()
        if not acts.keep(visit.tx, standing.organisation.id, visit.staff.code, [decision], hold):
            raise Stopped("changed")  # the id is another form's
        visit.note(
            "act_kept", people=people_of(standing.case), contract=decision.contract, message=str(decision.message_id)
        )
        return RedirectResponse(done_path(form_id), 303)

    def tell(visit: Visit) -> Response:
        row = _found(visit)
        say = showing.saying(visit, settings)
        if row["state"] == ActState.APPLIED:
            return RedirectResponse(f"/caso/{row['referral_id']}", 303)
        first = acts.find(visit.tx, row["follows"], visit.staff.organisation) if row["follows"] else None
        now = acts.now(visit.tx)
        said = [done(one, say, now) for one in (first, row) if one is not None]
        left = (row["say_at"] - now).total_seconds()
        code = contracts.short_code(row["referral_id"])
        page = visit.page("done.html", say=say, said=said, done=said[-1], code=code, left=left)
        if any(one.is_open for one in said):
            page.headers["refresh"] = str(looks_again(left))
        return page

    def undo(visit: Visit) -> Response:
        row = _found(visit)
        if acts.undo(visit.tx, row["message_id"], visit.staff.organisation):
            visit.note("act_undone", contract=row["contract"], message=str(row["message_id"]))
        return RedirectResponse(done_path(row["message_id"]), 303)

    return (
        Screen("act", path_of_route(), get=ask, post=do),
        Screen("act_done", "/hecho/{message_id:uuid}", get=tell, is_activity=False, is_awaited=True),
        Screen("act_undone", "/hecho/{message_id:uuid}/deshacer", post=undo),
    )


def looks_again(left: float) -> int:
    """In how many seconds the page of an act asks again of itself, so many before it is said, or after: the less often
    the longer it takes, and not while it can be undone, for whoever goes to the button would lose their place.
    """
    return max(SOON, math.ceil(left) + 1 if left > 0 else min(LOOKS_RARELY, int(-left / 2)))


def path_of_route() -> str:
    """The route of forms."""
    return "/caso/{referral_id:uuid}/hacer/{name}"


def buttons(visit: Visit, settings: Settings, case: Case, referral: Row, say: Saying) -> Buttons:
    """What the page of a case offers, and what became of what was done: to who works on cases, and nobody else."""
    standing = standing_of(visit, settings, case, referral)
    of_the_case = {row["referral_id"] for row in case.referrals}
    organisation = standing.organisation.id
    rows = acts.about(visit.tx, organisation, of_the_case, ended_within=SHOWN_FOR) if standing.works_on_cases else []
    now = acts.now(visit.tx) if rows else clock.now()
    under_way = [done(row, say, now) for row in rows if row["state"] != ActState.APPLIED]
    return Buttons(standing, _offered(standing, say), under_way, uses_screens(standing.organisation))


def buttons_of_rows(
    visit: Visit, settings: Settings, rows: Sequence[Mapping[str, Any]], say: Saying, *, only: Collection[str]
) -> Mapping[UUID, Buttons]:
    """What the page of each row's case offers of some moves: those for which nothing of a case matters but its row."""
    organisation = settings.organisations()[visit.staff.organisation]
    viewer = showing.viewer_of(visit, settings)
    ids = {row["referral_id"] for row in rows}
    under_way = acts.under_way(visit.tx, organisation.id, ids)
    stuck = acts.stuck(visit.tx, organisation.id, ids)
    keys = sealed_to(settings.directory).keys()
    found = {}
    for row in rows:
        standing = Standing(
            organisation=organisation,
            works_on_cases=visit.may(*OF_CASES),
            coordinates=viewer.coordinates and visit.may(Role.COORDINATOR),
            referral=dict(row),
            case=Case([dict(row)], (), ()),
            in_charge=None,
            is_under_way=row["referral_id"] in under_way,
            stuck=stuck[row["referral_id"]],
            is_open_beside=False,
            has_key=keys,
            consent=consents.Standing.UNKNOWN,
        )
        found[row["referral_id"]] = Buttons(standing, _offered(standing, say, only), (), uses_screens(organisation))
    return found


def _offered(standing: Standing, say: Saying, only: Collection[str] | None = None) -> Sequence[Offered]:
    """What is offered, with obstacles in words."""
    other = {"other": say.organisation(standing.other)}
    return [
        Offered(one.move, say.text(one.obstacle) % other if one.obstacle else "")
        for one in moves.offered(standing, only)
    ]


def standing_of(visit: Visit, settings: Settings, case: Case, referral: Row) -> Standing:
    """How somebody stands to a referral of a case that they may see."""
    organisation = settings.organisations()[visit.staff.organisation]
    viewer = showing.viewer_of(visit, settings)
    id = referral["referral_id"]
    return Standing(
        organisation=organisation,
        works_on_cases=visit.may(*OF_CASES),
        coordinates=viewer.coordinates and visit.may(Role.COORDINATOR),
        referral=referral,
        case=case,
        in_charge=in_charge(case, id),
        is_under_way=id in acts.under_way(visit.tx, organisation.id, {id}),
        stuck=acts.stuck(visit.tx, organisation.id, {id})[id],
        is_open_beside=cases.is_open_beside(visit.tx, id),
        has_key=sealed_to(settings.directory).keys(),
        consent=_consent(visit, case, id),
        offer=passing.offer(visit.tx, viewer, id) if referral["recipient"] == organisation.id else None,
    )


def _consent(visit: Visit, case: Case, referral_id: UUID) -> consents.Standing:
    """Whether the consent holds that a referral goes by."""
    told = [step["details"] for step in case.steps if step["referral_id"] == referral_id]
    if any("override" in one for one in told):
        return consents.Standing.OVERRIDDEN
    id = next((UUID(one["consent_id"]) for one in told if "consent_id" in one), None)
    return consents.standing(None if id is None else cases.consent(visit.tx, id), clock.now())


def in_charge(case: Case, referral_id: UUID) -> str | None:
    """The coordinator that sees to it that a referral goes on, if one does."""
    if any(row["referral_id"] == referral_id and row["state"] in ENDED for row in case.referrals):
        return None
    since = moves.opened_after(case, referral_id)
    said = [(one["noted_at"], one["noted_by"]) for one in case.events
            if one["what"] == ReferralEvent.TAKEN_ON and one["referral_id"] == referral_id
            and (since is None or one["noted_at"] > since)]  # fmt: skip
    return max(said)[1] if said else None


def done(row: Row, say: Saying, now: datetime) -> Done:
    """An act in words."""
    name = row["contract"].rpartition(".v")[0].removeprefix("referral.")
    label = act_words.CONSENT if name == moves.CONSENT_GRANTED else moves.BY_NAME[name].label
    state, code = row["state"], row["code"]
    is_put_off = state == ActState.KEPT and (row["problem"] or now - row["say_at"] > SAID_WITHIN)
    told = act_words.NOT_YET if is_put_off else act_words.UNDONE_BECAUSE.get(code, act_words.TOLD[state])
    if row["has_no_turn"]:
        told = act_words.FOLLOWS
    refused = code is not None and state in (ActState.REFUSED, ActState.WAITS)
    why = refusals.explain(code, row["said_by"], say.language, waits=state == ActState.WAITS) if refused else ""
    return Done(row, say.text(label), say.text(told), why, state not in acts.ENDS)


def standing_here(visit: Visit, settings: Settings) -> Standing:
    """How somebody stands to the referral of a page; while one is sent, nobody decides beside it. Raises Stopped."""
    viewer = showing.viewer_of(visit, settings)
    referral_id = UUID(str(visit.path_params["referral_id"]))
    if visit.method == "POST":
        acts.take_turn(visit.tx, viewer.organisation, referral_id)
    case = cases.case(visit.tx, viewer, referral_id)
    if case is None:
        raise Stopped("not_found")
    referral = next(row for row in case.referrals if row["referral_id"] == referral_id)
    return standing_of(visit, settings, case, referral)


def _move(visit: Visit, standing: Standing) -> Move:
    """What the page is for. Raises Stopped: `not_found` where it is not offered, `changed` where it no longer is."""
    name = str(visit.path_params["name"])
    if name not in moves.BY_NAME:
        raise Stopped("not_found")
    found = moves.find(name, standing)
    if found is None or found.obstacle:
        raise Stopped("changed")
    return found.move


def _no_longer(visit: Visit, settings: Settings, standing: Standing) -> Response | None:
    """In place of a form that is no longer offered: what had been written on it, if anything was."""
    say, move = showing.saying(visit, settings), moves.BY_NAME[str(visit.path_params["name"])]
    words = [
        (say.text(act_words.LABELS[f"{move.name}.{one.name}"]), visit.kept[one.name][0])
        for one in move.fields
        if one.kind in (Kind.NOTE, Kind.NOTES) and any(visit.kept.get(one.name, ()))
    ]
    if not words:
        return None
    visit.note("act_asked", people=people_of(standing.case), contract=move.contract)
    status, heading, remedy = WORDS["changed"]
    code = standing.referral["short_code"]
    return visit.page(
        "act_no_longer.html",
        status=status,
        heading=heading,
        remedy=remedy,
        standing=standing,
        code=code,
        words=words,
    )


def new_form_id() -> str:
    """The id of a new form, and of the message that it becomes."""
    return str(contracts.uuid7())


def form_id_of(visit: Visit) -> UUID:
    """The id of the form that was sent. Raises Stopped."""
    try:
        return UUID(visit.said(FORM_ID))
    except ValueError:
        raise Stopped("unreadable") from None


def _found(visit: Visit) -> Row:
    row = acts.find(visit.tx, UUID(str(visit.path_params["message_id"])), visit.staff.organisation)
    if row is None:
        raise Stopped("not_found")
    return row


def _decision(visit: Visit, settings: Settings, standing: Standing, move: Move, id: UUID) -> acts.Decision:
    """What was typed, as the network is to hear it. Raises Wrong."""
    now, referral_id = clock.now(), standing.referral["referral_id"]
    options = {name: [value for value, _ in found] for name, found in _options(visit, standing).items()}
    asked = moves.asked(move, standing)
    values = {**fields.read(asked, visit.form, options), **moves.known(move, standing, now.isoformat())}
    keys = sealed_to(settings.directory)
    for one in asked:
        if not isinstance(note := values.get(one.name), NoteBlock):
            continue
        words = note.model_dump(mode="json")
        if one.kind is Kind.NOTES:
            values[one.name] = [
                {"addressee": reader, "sealed": sealing.seal(words, keys[reader])} for reader in standing.readers
            ]
        elif (reader := moves.reader(one, standing)) is not None:  # `asked` has no other
            values[one.name] = sealing.seal(words, keys[reader])
    data = fields.made(move.model, {"referral_id": str(referral_id), **values})
    check_times(asked, values, now, sent_at=standing.referral["sent_at"])
    if move.model is contracts.ReferralScheduled:
        set_for = standing.referral["visit_at"] if standing.referral["state"] == ReferralState.SCHEDULED else None
        if datetime.fromisoformat(values["visit_at"]) == set_for:
            raise Wrong({"visit_at": act_words.ALREADY_SO})
    if move.model is contracts.ReferralDeadlineExtended:
        after, until = moves.extension(standing, now)
        if not after < datetime.fromisoformat(values["due_at"]) <= until:
            raise Wrong({"due_at": act_words.OUT_OF_BOUNDS})
    return acts.decision(
        data, referral_id, organisation=standing.organisation.id, staff=visit.staff.code, at=now, id=id
    )


def check_times(asked: Sequence[Field], values: Mapping[str, Any], now: datetime, *, sent_at: datetime) -> None:
    """Hold moments against the clock: what is planned lies ahead, what was done between the sending and now.

    Raises Wrong.
    """
    wrong = {}
    for one in asked:
        if one.kind is not Kind.MOMENT or one.name not in values:
            continue
        moment = datetime.fromisoformat(values[one.name])
        if (moment > now) != one.is_planned:
            wrong[one.name] = act_words.PAST if one.is_planned else act_words.NOT_YET_PAST
        elif moment < sent_at:
            wrong[one.name] = act_words.BEFORE_IT_WAS_SENT
    if wrong:
        raise Wrong(wrong)


def _options(visit: Visit, standing: Standing) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What can be chosen where no list of codes says it: the other parties, and the referrals in which it goes on."""
    referral = standing.referral
    parties = [one for one in (referral["recipient"], referral["sender"]) if one != standing.organisation.id]
    parties.sort(key=lambda one: one != referral["waits_on"])
    onward = cases.may_go_on_as(visit.tx, standing.organisation.id, referral["referral_id"])
    return {
        "organisation": [(one, one) for one in parties],
        "onward_referral_id": [(str(row["referral_id"]), row["short_code"]) for row in onward],
    }


def _form(visit: Visit, settings: Settings, standing: Standing, move: Move, wrong: Mapping[str, str]) -> Response:
    """The page of a form, with what is wrong with what was sent."""
    say = showing.saying(visit, settings)
    form_id = visit.typed(FORM_ID) or new_form_id()
    visit.note("act_asked", people=people_of(standing.case), contract=move.contract)
    return visit.page(
        "act.html",
        status=422 if wrong else 200,
        say=say,
        move=move,
        standing=standing,
        code=standing.referral["short_code"],
        says=say.text(move.says) % {"other": say.organisation(standing.other), "readers": _readers(standing, say)},
        asked=list(_asked(visit, standing, move, say, wrong)),
        form_id=form_id,
        wrong=wrong,
    )


def _asked(visit: Visit, standing: Standing, move: Move, say: Saying, wrong: Mapping[str, str]) -> Iterator[Asked]:
    options = _options(visit, standing)
    given = _given(move, standing, say)
    for one in moves.asked(move, standing):
        found = options.get(one.name, ())
        if one.kind is Kind.REFERRAL and not found:
            continue
        if one.kind is Kind.PARTY:
            found = [(value, say.organisation(value)) for value, _ in found]
        reader = moves.reader(one, standing) if one.kind is Kind.NOTE else None
        field = shown(visit, move, one, say, wrong, given.get(one.name, ()), options=found, reader=reader)
        if one.name == "due_at":
            _, until = moves.extension(standing, say.now)
            latest = say.text(act_words.AT_THE_LATEST) % {"until": say.exact(until)}
            field = replace(field, hint=f"{latest} {field.hint}")
        yield field


def shown(
    visit: Visit,
    move: Move,
    field: Field,
    say: Saying,
    wrong: Mapping[str, str],
    given: Sequence[str],
    *,
    options: Sequence[tuple[str, str]] = (),
    reader: str | None = None,
) -> Asked:
    """A field in words, with what was typed, or else what stands there at first; of boxes none may have been ticked."""
    if field.kind is Kind.CHOICES and visit.typed_form:  # browsers say nothing of a box that is not ticked
        typed = visit.typed_form.get(field.name, ())
    else:  # a form of two steps has on its second what waited, or was known, while its first was sent
        typed = visit.form.get(field.name) or visit.kept.get(field.name) or given
    hints = [act_words.HINTS.get(field.name, ""), fields.TODAY if field.kind is Kind.MOMENT else ""]
    told = {"reader": say.organisation(reader or ""), "day": say.day(say.now)}
    return Asked(
        field,
        say.text(act_words.LABELS[f"{move.name}.{field.name}"]),
        " ".join(say.text(hint) % told for hint in hints if hint),
        options or [(value, say.code(value, field.of)) for value in field.values],
        typed,
        say.text(wrong[field.name]) if field.name in wrong else "",
    )


def _readers(standing: Standing, say: Saying) -> str:
    return f" {say.text(act_words.AND)} ".join(say.organisation(one) for one in standing.readers)


def _given(move: Move, standing: Standing, say: Saying) -> Mapping[str, Sequence[str]]:
    """What stands in a form at first, where it can be known."""
    if move.model is contracts.ReferralChased:
        return {"chased_at": [shown_moment(say.now)], "organisation": [str(standing.referral["waits_on"] or "")]}
    if move.model is contracts.ReferralNoteAdded:
        return {"kind": [NoteKind.NOTE]}
    if move.model is contracts.ReferralClosed:
        steps = [one["details"] for one in standing.case.steps
                 if one["referral_id"] == standing.referral["referral_id"] and "outcome" in one["details"]]  # fmt: skip
        last = steps[-1] if steps else {}
        return {name: [last[name]] for name in ("outcome", "not_met_reason") if name in last}
    return {}


def people_of(case: Case) -> Sequence[str]:
    """Whom a case is about, as the audit notes them."""
    people = {str(row["person_id"]) for row in case.referrals if row["person_id"]}
    return [*sorted(people), *(row["short_code"] for row in case.referrals)]

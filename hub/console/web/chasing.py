"""One call for all that an organisation has not answered in time: who was asked, how, and what they said.

What is done is done to the very referrals that were shown before, and the page of it says what became of each.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from starlette.responses import RedirectResponse, Response

import contracts
from contracts.codes import Power
from hub.console.hosting import uses_screens
from hub.console.store import acts, work
from hub.console.store.cases import Viewer
from hub.console.web import act_words, acting, fields, moves, showing
from hub.console.web.acting import FORM_ID, form_id_of, new_form_id
from hub.console.web.errors import Stopped
from hub.console.web.fields import Field, Kind, Wrong, shown_moment
from hub.console.web.saying import Saying, day_of
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from messaging import clock
from messaging.database import Connection, Row
from messaging.topology import Organisation

AT_ONCE: Final = 100  # referrals that one form is about
CHOSEN: Final = "referencia"
CHASED: Final = moves.BY_NAME["chased"]
ASKED: Final[Sequence[Field]] = [one for one in CHASED.fields if one.kind is not Kind.PARTY]


def path_of(organisation: str) -> str:
    """Where an organisation is asked for all that it has not answered."""
    return f"/pedir/{organisation}"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def ask(visit: Visit) -> Response:
        return _form(visit, settings, _asked_of(visit, settings), visit.answer.get("wrong", {}))

    def do(visit: Visit) -> Response:
        of, form_id = _asked_of(visit, settings), form_id_of(visit)
        if not acts.of_batch(visit.tx, form_id, visit.staff.organisation):
            rows = _overdue(visit, settings, of)
            chosen = [row for row in rows if str(row["referral_id"]) in visit.form.get(CHOSEN, ())]
            if not chosen:
                return visit.send_back(wrong={CHOSEN: fields.MISSING})
            try:
                decided = _decided(visit, of, form_id, chosen)
            except Wrong as wrong:
                return visit.send_back(wrong=dict(wrong.fields))
            hold = timedelta(seconds=settings.undo_seconds)
            new = acts.keep(visit.tx, visit.staff.organisation, visit.staff.code, decided, hold, batch=form_id)
            if new:  # otherwise the form was sent at the same moment from somewhere else
                visit.note(
                    "act_kept",
                    people=[contracts.short_code(one.referral_id) for one in decided if one.message_id in new],
                    contract=decided[0].contract,
                    messages=sorted(map(str, new)),
                )
        return RedirectResponse(done_path(form_id), 303)

    def tell(visit: Visit) -> Response:
        rows, say = _found(visit), showing.saying(visit, settings)
        now = acts.now(visit.tx)
        listed = [(contracts.short_code(row["referral_id"]), acting.done(row, say, now)) for row in rows]
        left = (max(row["say_at"] for row in rows) - now).total_seconds()
        page = visit.page("chased.html", say=say, listed=listed, left=left, move=CHASED)
        if any(one.is_open for _, one in listed):
            page.headers["refresh"] = str(acting.looks_again(left))
        return page

    def undo(visit: Visit) -> Response:
        rows = _found(visit)
        if many := acts.undo_batch(visit.tx, rows[0]["batch"], visit.staff.organisation):
            visit.note("act_undone", contract=rows[0]["contract"], batch=str(rows[0]["batch"]), count=many)
        return RedirectResponse(done_path(rows[0]["batch"]), 303)

    return (
        Screen("chase_all", "/pedir/{organisation}", get=ask, post=do),
        Screen("acts_done", "/hechos/{batch:uuid}", get=tell, is_activity=False),
        Screen("acts_undone", "/hechos/{batch:uuid}/deshacer", post=undo),
    )


def done_path(batch: UUID) -> str:
    """Where it is told what became of all that one form decided."""
    return f"/hechos/{batch}"


def may_chase(organisation: Organisation) -> bool:
    """Whether its coordinators may say from here that they have asked somebody."""
    return (
        Power.COORDINATE in organisation.powers and uses_screens(organisation) and organisation.sends(CHASED.contract)
    )


def overdue_by(tx: Connection, viewer: Viewer, now: datetime) -> Sequence[Mapping[str, Any]]:
    """Who can be asked, and for how much, as far as one form has room: `100+`."""
    return [
        {**row, "counted": f"{AT_ONCE}+" if row["many"] > AT_ONCE else str(row["many"])}
        for row in work.overdue_by(tx, viewer, now, limit=AT_ONCE + 1)
    ]


def _asked_of(visit: Visit, settings: Settings) -> Organisation:
    """Who is asked. Raises Stopped where there is nobody of this name, or whoever asks may not."""
    organisations = settings.organisations()
    of = organisations.get(str(visit.path_params["organisation"]))
    if of is None or not may_chase(organisations[visit.staff.organisation]):
        raise Stopped("not_found")
    return of


def _found(visit: Visit) -> Sequence[Row]:
    rows = acts.of_batch(visit.tx, UUID(str(visit.path_params["batch"])), visit.staff.organisation)
    if not rows:
        raise Stopped("not_found")
    return rows


def _overdue(visit: Visit, settings: Settings, of: Organisation) -> Sequence[Row]:
    """What is overdue, without that about which something is under way already."""
    viewer = showing.viewer_of(visit, settings)
    rows = work.overdue_of(visit.tx, viewer, clock.now(), of.id, limit=AT_ONCE)
    under_way = acts.under_way(visit.tx, viewer.organisation, {row["referral_id"] for row in rows})
    return [row for row in rows if row["referral_id"] not in under_way]


def _decided(visit: Visit, of: Organisation, form_id: UUID, chosen: Sequence[Row]) -> Sequence[acts.Decision]:
    """A message for each referral, whose id comes of the form's: sent twice, it is the same one. Raises Wrong."""
    now = clock.now()
    values = fields.read(ASKED, visit.form, {})
    acting.check_times(ASKED, values, now, sent_at=max((row["sent_at"] for row in chosen), default=now))
    made = []
    for row in chosen:
        id = row["referral_id"]
        data = fields.made(CHASED.model, {"referral_id": str(id), "organisation": of.id, **values})
        made.append(
            acts.decision(
                data,
                id,
                organisation=visit.staff.organisation,
                staff=visit.staff.code,
                at=now,
                id=uuid5(form_id, str(id)),
            )
        )
    return made


def _is_anothers(row: Mapping[str, Any], viewer: Viewer, say: Saying) -> bool:
    """Whether somebody has asked today, or another organisation has taken it on: nobody is asked twice unseen."""
    was_asked = row["chased_at"] is not None and row["chased_at"] >= day_of(say.now).begins
    return was_asked or row["in_charge"] not in (None, viewer.organisation)


def _form(visit: Visit, settings: Settings, of: Organisation, wrong: Mapping[str, str]) -> Response:
    viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
    overdue = _overdue(visit, settings, of)
    seen_to = work.seen_to(visit.tx, viewer, {row["referral_id"] for row in overdue})
    rows = [{**showing.shown(row, viewer), **seen_to.get(row["referral_id"], {})} for row in overdue]
    at_first = [str(row["referral_id"]) for row in rows if not _is_anothers(row, viewer, say)]
    chosen = visit.typed_form.get(CHOSEN, ()) if visit.typed_form else at_first
    given = {"chased_at": [shown_moment(say.now)]}
    visit.note("act_asked", people=[row["code"] for row in rows], contract=CHASED.contract, count=len(rows))
    return visit.page(
        "chase.html",
        status=422 if wrong else 200,
        say=say,
        of=of.name,
        move=CHASED,
        rows=rows,
        chosen=frozenset(chosen),
        asked=[acting.shown(visit, CHASED, one, say, wrong, given.get(one.name, ())) for one in ASKED],
        wrong=wrong,
        none_chosen=say.text(act_words.NONE_CHOSEN) if CHOSEN in wrong else "",
        form_id=visit.typed(FORM_ID) or new_form_id(),
    )

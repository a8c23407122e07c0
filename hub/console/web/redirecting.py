"""Redirigir: the person is passed on to another organisation, with a consent that they give now.

On the first page a service is chosen. On the second stands what the other organisation learns, which custody has opened
for that page, and the person is asked. What is sent then is two messages of one act: the consent, and once the network
has applied that, the redirection, sealed anew by custody. Where the person has consented to that before, nobody asks
them again, and it is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.responses import RedirectResponse, Response

import contracts
from contracts.codes import CapacityState, ConsentGivenBy, ConsentPurpose, OrganisationStatus
from hub.console.custody.client import CustodyError
from hub.console.store import acts, passing
from hub.console.web import acting, asking, fields, learned, moves, person, showing
from hub.console.web.acting import FORM_ID, form_id_of, new_form_id
from hub.console.web.errors import Stopped
from hub.console.web.fields import Field, Wrong
from hub.console.web.moves import REDIRECTED, Standing
from hub.console.web.pace import OPENED_BY_A_PERSON, OPENED_BY_AN_ORGANISATION, Paces
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging import clock
from messaging.believing import COLOMBIA
from messaging.database import Row
from messaging.public_keys import sealed_to

PURPOSE: Final = "redirected"  # as custody records what it is asked for
STEP: Final = "paso"
SENDS: Final = "enviar"
BLOCK: Final = "bloque"
CONSENT: Final = "consentimiento"
# The most welcome first; what nobody has said, or has said too long ago, between those that wait and those that do not.
ORDER: Final = (CapacityState.OPEN, CapacityState.ASSESS_FIRST, None, CapacityState.WAITING_LIST, CapacityState.FULL)
AGREED: Final = N_("La persona dijo ahora que sí")
LASTS: Final = N_("%(days)s días: hasta el %(until)s")
AWAY: Final = N_("Ahora no se puede abrir ni pasar. No se hizo nada: espere un minuto e intente de nuevo.")
NO_KEY_NOW: Final = N_("%(other)s ya no puede recibir nada sellado. No se hizo nada: elija otro servicio.")


@dataclass(frozen=True)
class Passing:
    """A referral that its recipient is about to pass on."""

    standing: Standing
    offer: Row
    """What its recipient was asked: `block`, `request`."""
    services: Mapping[str, Row]
    """Those that may be chosen, by their ids."""

    @property
    def request(self) -> Mapping[str, Any]:
        """What was asked, as JSON has it."""
        found: Mapping[str, Any] = self.offer["request"]
        return found


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""
    paces = Paces()

    def ask(visit: Visit) -> Response:
        passing_on, answer = _passing(visit, settings), visit.answer
        if not answer.get("is_chosen"):
            return _choose(visit, settings, passing_on, answer.get("wrong", {}), problem=answer.get("problem", ""))
        service = passing_on.services.get(visit.said("service"))
        if service is None:
            raise Stopped("changed")
        return _tell(visit, settings, passing_on, service, answer.get("wrong", {}))

    def do(visit: Visit) -> Response:
        standing = acting.standing_here(visit, settings)
        form_id = form_id_of(visit)
        if acts.find(visit.tx, form_id, visit.staff.organisation) is not None:
            return RedirectResponse(acting.done_path(form_id), 303)  # it was sent before
        passing_on = _passing(visit, settings, standing)
        try:
            chosen = fields.read(moves.TO_WHOM, visit.form, {"service": list(passing_on.services)})
        except Wrong as wrong:
            return visit.send_back(wrong=dict(wrong.fields))
        service = passing_on.services[chosen["service"]]
        if visit.said(STEP) == SENDS:
            return _send(visit, settings, passing_on, service, form_id)
        return visit.send_back(is_chosen=True)

    def _tell(
        visit: Visit, settings: Settings, passing_on: Passing, service: Row, wrong: Mapping[str, str]
    ) -> Response:
        """The second page: what the other learns, and what the person is asked."""
        staff, block = visit.staff, passing_on.offer["block"]
        opened_by = (("person", staff.code), OPENED_BY_A_PERSON), (
            ("organisation", staff.organisation), OPENED_BY_AN_ORGANISATION,
        )  # fmt: skip
        if not paces.may(opened_by):
            raise Stopped("too_many_opened")
        say = showing.saying(visit, settings)
        try:
            opened = asking.open_blocks(visit, settings, PURPOSE, [block])[block]
        except CustodyError:
            return _choose(visit, settings, passing_on, {}, problem=say.text(AWAY))
        if opened.code:
            closed = say.text(person.CLOSED) % {"code": opened.code}
            return _choose(visit, settings, passing_on, {}, problem=closed)
        before = _consent(visit, passing_on, service, say.now)
        standing = passing_on.standing
        visit.note("act_asked", people=acting.people_of(standing.case), contract=REDIRECTED.contract)
        asked = [*_asked(visit, say, passing_on, moves.WHY, wrong)]
        if before is None:
            asked += _asked(visit, say, passing_on, moves.CONSENTED, wrong)
        return visit.page(
            "redirect_told.html",
            status=422 if wrong else 200,
            say=say,
            move=REDIRECTED,
            standing=standing,
            code=standing.referral["short_code"],
            service=service,
            other=say.organisation(service["organisation"]),
            own=say.organisation(standing.organisation.id),
            sealed=[*learned.sealed(say, opened.content)],
            clear=[*learned.asked(say, passing_on.request)],
            groups=[say.code(one, "FieldGroup") for one in passing_on.request["shares"]],
            before=before,
            asked=asked,
            block=block,
            form_id=visit.typed(FORM_ID) or new_form_id(),
            wrong=wrong,
        )

    def _send(visit: Visit, settings: Settings, passing_on: Passing, service: Row, form_id: UUID) -> Response:
        now, standing = clock.now(), passing_on.standing
        if visit.said(BLOCK) != str(passing_on.offer["block"]):
            raise Stopped("changed")  # it is another than was shown
        before = _consent(visit, passing_on, service, now)
        if before is not None and visit.said(CONSENT) != str(before["consent_id"]):
            before = None  # the person was asked anew, and has answered
        asked = [*moves.WHY, *(() if before else _consented(passing_on))]
        try:
            values = fields.read(asked, visit.form, {})
        except Wrong as wrong:
            return visit.send_back(is_chosen=True, wrong=dict(wrong.fields))
        say = showing.saying(visit, settings)
        try:
            sealed = asking.seal_anew(visit, settings, PURPOSE, passing_on.offer["block"], service["organisation"])
        except CustodyError as error:
            words = NO_KEY_NOW if error.code in ("no_recipient", "no_recipient_key") else AWAY
            other = {"other": say.organisation(service["organisation"])}
            return visit.send_back(problem=say.text(words) % other)
        decided = _decided(visit, passing_on, service, form_id, before, values, sealed, now)
        hold = timedelta(seconds=settings.undo_seconds)
        if acts.keep(visit.tx, standing.organisation.id, visit.staff.code, decided, hold) != {
            one.message_id for one in decided
        }:
            raise Stopped("changed")  # the id is another form's
        people = acting.people_of(standing.case)
        for one in decided:
            visit.note("act_kept", people=people, contract=one.contract, message=str(one.message_id))
        return RedirectResponse(acting.done_path(form_id), 303)

    return (Screen("redirect", "/caso/{referral_id:uuid}/hacer/redirected", get=ask, post=do),)


def _passing(visit: Visit, settings: Settings, standing: Standing | None = None) -> Passing:
    """What is to be passed on. Raises Stopped where that is not offered, or no longer."""
    standing = standing or acting.standing_here(visit, settings)
    found = moves.find(REDIRECTED.name, standing)
    if found is None or found.obstacle or standing.offer is None:
        raise Stopped("changed")
    referral = standing.referral
    parties = (referral["sender"], referral["recipient"])
    services = passing.services(visit.tx, referral["need_code"], clock.now(), besides=parties)
    return Passing(
        standing,
        standing.offer,
        {str(row["service_id"]): row for row in services if _may_be_asked(settings, standing, row["organisation"])},
    )


def _may_be_asked(settings: Settings, standing: Standing, organisation: str) -> bool:
    """Whether an organisation takes part, can read what is sealed to it, and is one that people may be referred to."""
    found = settings.organisations().get(organisation)
    return (
        found is not None
        and found.status is OrganisationStatus.ACTIVE
        and standing.organisation.may_refer_to(organisation)
        and organisation in sealed_to(settings.directory)
    )


def _choose(
    visit: Visit, settings: Settings, passing_on: Passing, wrong: Mapping[str, str], *, problem: str
) -> Response:
    """The first page: to whom."""
    say, standing = showing.saying(visit, settings), passing_on.standing
    visit.note("act_asked", people=acting.people_of(standing.case), contract=REDIRECTED.contract)
    return visit.page(
        "redirect.html",
        status=422 if wrong else 200,
        say=say,
        move=REDIRECTED,
        standing=standing,
        code=standing.referral["short_code"],
        says=say.text(REDIRECTED.says) % {"other": say.organisation(standing.other)},
        asked=[*_asked(visit, say, passing_on, moves.TO_WHOM, wrong)] if passing_on.services else [],
        form_id=visit.typed(FORM_ID) or new_form_id(),
        wrong=wrong,
        problem=problem,
    )


def _asked(
    visit: Visit, say: Saying, passing_on: Passing, asked: Sequence[Field], wrong: Mapping[str, str]
) -> Sequence[acting.Asked]:
    given = {"language": [passing_on.request.get("contact", {}).get("language", "")]}
    options = {
        "service": _options(say, passing_on),
        "lasts": [(str(days), _until_in_words(say, days)) for days in moves.LASTS],
        "agreed": [("yes", say.text(AGREED))],
    }
    allowed = {one.name: one for one in _consented(passing_on)}
    shown = [
        acting.shown(
            visit,
            REDIRECTED,
            allowed.get(one.name, one),
            say,
            wrong,
            given.get(one.name, ()),
            options=options.get(one.name, ()),
        )
        for one in asked
    ]
    # What the person says now is asked of them again, whatever waited.
    return [replace(one, typed=visit.form.get("agreed", ())) if one.field.name == "agreed" else one for one in shown]


def _consented(passing_on: Passing) -> Sequence[Field]:
    """What is asked of a consent: of a child only who answers for it gives one."""
    if not passing_on.request.get("minor"):
        return moves.CONSENTED
    by, *others = moves.CONSENTED
    return [Field(by.name, by.kind, by.required, by.of, [ConsentGivenBy.CAREGIVER.value]), *others]


def _options(say: Saying, passing_on: Passing) -> Sequence[tuple[str, str]]:
    rows = sorted(passing_on.services.values(), key=lambda row: (_place(say, row), _service_in_words(say, row)))
    return [(str(row["service_id"]), _service_in_words(say, row)) for row in rows]


def _place(say: Saying, row: Row) -> int:
    is_stale = row["valid_until"] is None or row["valid_until"] <= say.now
    return ORDER.index(None if is_stale else CapacityState(row["capacity"]))


def _service_in_words(say: Saying, row: Row) -> str:
    """Who offers it, what it is called, and whether it can take somebody on."""
    told = f"{say.organisation(row['organisation'])}: {row['name']}"
    if row["capacity"] is None:
        return told
    capacity = say.code(row["capacity"], "CapacityState")
    if row["valid_until"] <= say.now:
        capacity += f", {say.text(N_('ya venció'))}"
    return f"{told} ({capacity})"


def _until(now: datetime, days: int) -> datetime:
    """When a consent ends that is given for so many days: with the last of them."""
    last = now.astimezone(COLOMBIA).date() + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), COLOMBIA)


def _until_in_words(say: Saying, days: int) -> str:
    last = _until(say.now, days) - timedelta(days=1)
    return say.text(LASTS) % {"days": days, "until": say.in_full(last.date())}


def _consent(visit: Visit, passing_on: Passing, service: Row, now: datetime) -> Row | None:
    """What the person has consented to before, where that is enough."""
    by = passing_on.request.get("consent_id")
    return passing.consent(
        visit.tx,
        passing_on.standing.referral["person_id"],
        granted_to=passing_on.standing.organisation.id,
        recipient=service["organisation"],
        shares=passing_on.request["shares"],
        other_than=UUID(by) if by else None,
        now=now,
    )


def _decided(
    visit: Visit,
    passing_on: Passing,
    service: Row,
    form_id: UUID,
    before: Row | None,
    values: Mapping[str, Any],
    sealed: str,
    now: datetime,
) -> Sequence[acts.Decision]:
    """The consent, where it is asked for, and the redirection, which follows it."""
    referral = passing_on.standing.referral
    id = referral["referral_id"]
    who: Mapping[str, Any] = {
        "organisation": passing_on.standing.organisation.id, "staff": visit.staff.code, "at": now,
    }  # fmt: skip
    decided = []
    consent_id = str(contracts.uuid7() if before is None else before["consent_id"])
    if before is None:
        granted = {
            "consent_id": consent_id,
            "person_id": str(referral["person_id"]),
            "purposes": [ConsentPurpose.REFER.value],
            "recipients": [service["organisation"]],
            "field_groups": passing_on.request["shares"],
            "valid_from": now.isoformat(),
            "valid_until": _until(now, int(values["lasts"])).isoformat(),
            **{name: values[name] for name in ("given_by", "manner", "language")},
        }
        decided.append(acts.decision(fields.made(contracts.ConsentGranted, granted), id, **who))
    redirected = {
        "referral_id": str(id),
        "new_referral_id": str(contracts.uuid7()),
        "recipient": service["organisation"],
        "service_id": str(service["service_id"]),
        "consent_id": consent_id,
        "reason": values["reason"],
        "sealed": sealed,
    }
    follows = decided[0].message_id if decided else None
    decided.append(
        acts.decision(fields.made(contracts.ReferralRedirected, redirected), id, id=form_id, follows=follows, **who)
    )
    return decided

"""Avisos: whether somebody is told by e-mail that something waits. Off, until they ask for it and confirm the address.

So is an organisation's office, at the address that all who work there read: who administers or coordinates asks for it,
and types the code that came there.

Nothing is sent here: what is to be sent is kept, and hub/console/notices sends it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from hub.console.notices.smtp import is_address
from hub.console.store import notices
from hub.console.store.notices import Wants
from hub.console.web import throttle
from hub.console.web.errors import Stopped
from hub.console.web.screen import Handler, Screen
from hub.console.web.settings import Settings
from hub.console.web.throttle import Slowing
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging import clock
from messaging.topology import Organisation

PATH: Final = "/avisos"
OFFICE: Final = f"{PATH}/oficina"
WHOSE: Final = "de"  # the organisation whose office it is
OF_CODES: Final = Slowing(free=3, longest=1800)  # mails with a code that somebody has sent
PURPOSE: Final = "attempt"  # of the keyring: whose attempts are counted

CHOICES: Final = {
    Wants.OFF: N_("No avisar por correo"),
    Wants.DIGEST: N_("Un resumen a las 7:00, si algo espera"),
    Wants.ALL: N_("El resumen y, apenas llegue, cada emergencia"),
}
NO_CHOICE: Final = N_("Elija cuándo avisarle.")
NO_ADDRESS: Final = N_("Escriba una dirección de correo, como nombre@organizacion.org.")
TOO_OFTEN: Final = N_("Ya le enviamos varios códigos. Espere un poco y pida otro.")
WRONG_CODE: Final = N_("Ese código no vale. Revise el correo; después de cinco intentos, o de 15 minutos, pida otro.")
WHERE: Final = {NO_CHOICE: "avisos", NO_ADDRESS: "correo", WRONG_CODE: "codigo"}
"""The field that is wrong."""
SAVED: Final = N_("Guardado.")
SENT: Final = N_("Le enviamos un código de seis cifras. Mientras no lo escriba aquí no le llega ningún aviso.")
CONFIRMED: Final = N_("Su correo quedó confirmado. Desde ahora le avisamos.")
IS_OFF: Final = N_("Avisos apagados. Su dirección se borró.")


@dataclass(frozen=True)
class Addressee:
    """Who is told: whoever has come in, or an office."""

    code: str
    """As the tables have it."""
    office: Organisation | None = None

    @property
    def noted(self) -> dict[str, Any]:
        """What the audit has of an office."""
        return {} if self.office is None else {"office": self.office.id}


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def me(visit: Visit) -> Addressee:
        return Addressee(visit.staff.code)

    def an_office(visit: Visit) -> Addressee:
        said = visit.said(WHOSE) or visit.query.get(WHOSE, "") or visit.staff.organisation
        found = next((one for one in offices(visit, settings) if one.id == said), None)
        if found is None:
            raise Stopped("not_found")
        return Addressee(notices.office(found.id), found)

    def show(visit: Visit, to: Addressee) -> Response:
        return _page(visit, settings, to, **visit.answer)

    def choose(visit: Visit, to: Addressee) -> Response:
        wants = next((one for one in Wants if one == visit.said("avisos")), None)
        if wants is None:
            return visit.send_back(path_of(to), error=NO_CHOICE)
        now = clock.now()
        if wants is Wants.OFF:
            notices.turn_off(visit.tx, to.code)
            visit.note("notices_set", wants=wants, **to.noted)
            return visit.lead_to(path_of(to), done=IS_OFF)
        if settings.mails_from is None:
            return visit.go(path_of(to))
        had = notices.choice(visit.tx, visit.keyring, to.code)
        said = visit.form.get("correo", ("",))[0].strip()
        if had is not None and said in ("", had.address) and had.is_confirmed:
            notices.want(visit.tx, to.code, wants, visit.language, now)
            visit.note("notices_set", wants=wants, **to.noted)
            return visit.lead_to(path_of(to), done=SAVED)
        address = said or (had.address if had is not None else "")
        if not is_address(address):
            return visit.send_back(path_of(to), error=NO_ADDRESS, wants=wants)
        if throttle.attempt(visit.tx, visit.keyring.hash(PURPOSE, f"notices {to.code}"), OF_CODES):
            return visit.send_back(path_of(to), error=TOO_OFTEN, wants=wants)
        notices.ask(visit.tx, visit.keyring, to.code, wants, address, visit.language, now)
        visit.note("notices_set", wants=wants, is_confirmed=False, **to.noted)
        return visit.lead_to(path_of(to), done=SENT)

    def confirm(visit: Visit, to: Addressee) -> Response:
        code = "".join(visit.said("codigo").split())
        if not notices.confirm(visit.tx, visit.keyring, to.code, code, clock.now()):
            return visit.send_back(path_of(to), error=WRONG_CODE)
        visit.note("notices_set", is_confirmed=True, **to.noted)
        return visit.lead_to(path_of(to), done=CONFIRMED)

    def of(whom: Callable[[Visit], Addressee], do: Callable[[Visit, Addressee], Response]) -> Handler:
        return lambda visit: do(visit, whom(visit))

    return (
        Screen("notices", PATH, get=of(me, show), post=of(me, choose), label=N_("Avisos")),
        Screen("notices_code", f"{PATH}/codigo", post=of(me, confirm)),
        Screen(
            "office",
            OFFICE,
            get=of(an_office, show),
            post=of(an_office, choose),
            label=N_("Avisos a la oficina"),
            keeps_typed=False,
        ),
        Screen("office_code", f"{OFFICE}/codigo", post=of(an_office, confirm), keeps_typed=False),
    )


def offices(visit: Visit, settings: Settings) -> Sequence[Organisation]:
    """The organisations whose office may be told: one's own, and those that use the hub's screens."""
    return [
        one
        for id, one in sorted(settings.organisations().items())
        if id == visit.staff.organisation or settings.is_hosted(id)
    ]


def path_of(to: Addressee) -> str:
    """Where it is chosen when somebody is told."""
    return PATH if to.office is None else f"{OFFICE}?{WHOSE}={to.office.id}"


def _page(
    visit: Visit, settings: Settings, to: Addressee, *, error: str = "", done: str = "", wants: Wants | None = None
) -> Response:
    """The page; `wants` is what was chosen, where it could not be kept."""
    choice = notices.choice(visit.tx, visit.keyring, to.code)
    return visit.page(
        "notices.html",
        status=422 if error else 200,
        path=PATH if to.office is None else OFFICE,
        office=to.office,
        offices=offices(visit, settings) if to.office is not None else (),
        mails_from=settings.mails_from,
        choices=CHOICES,
        wants=wants or (choice.wants if choice is not None else Wants.OFF),
        address=masked(choice.address) if choice is not None else "",
        is_confirmed=choice is not None and choice.is_confirmed,
        was_refused=notices.was_refused(visit.tx, to.code) if choice is not None else False,
        error=error,
        wrong=WHERE.get(error, ""),
        done=done,
    )


def masked(address: str) -> str:
    """An address as whoever knows it knows it again: `a…@cruzroja.org`."""
    name, _, place = address.rpartition("@")
    return f"{name[:1]}…@{place}"

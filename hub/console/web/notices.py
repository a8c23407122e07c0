"""Avisos: whether somebody is told by e-mail that something waits. Off, until they ask for it and confirm the address.

Nothing is sent here: what is to be sent is kept, and hub/console/notices sends it.
"""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from hub.console.notices.smtp import is_address
from hub.console.store import notices
from hub.console.store.notices import Wants
from hub.console.web import throttle
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.throttle import Slowing
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging import clock

PATH: Final = "/avisos"
OF_CODES: Final = Slowing(free=3, longest=1800)  # mails with a code that somebody has sent
PURPOSE: Final = "attempt"  # of the keyring: whose attempts are counted

CHOICES: Final = {
    Wants.OFF: N_("No avisarme por correo"),
    Wants.DIGEST: N_("Un resumen a las 7:00, si algo espera"),
    Wants.ALL: N_("El resumen y, apenas llegue, cada emergencia"),
}
NO_CHOICE: Final = N_("Elija cuándo avisarle.")
NO_ADDRESS: Final = N_("Escriba una dirección de correo, como nombre@organizacion.org.")
TOO_OFTEN: Final = N_("Ya le enviamos varios códigos. Espere un poco y pida otro.")
WRONG_CODE: Final = N_("Ese código no vale. Revise el correo; después de cinco intentos, o de 15 minutos, pida otro.")
SAVED: Final = N_("Guardado.")
SENT: Final = N_("Le enviamos un código de seis cifras. Mientras no lo escriba aquí no le llega ningún aviso.")
CONFIRMED: Final = N_("Su correo quedó confirmado. Desde ahora le avisamos.")
IS_OFF: Final = N_("Avisos apagados. Su dirección se borró.")


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""

    def show(visit: Visit) -> Response:
        return _page(visit, settings)

    def choose(visit: Visit) -> Response:
        wants = next((one for one in Wants if one == visit.said("avisos")), None)
        if wants is None:
            return _page(visit, settings, error=NO_CHOICE)
        staff, now = visit.staff.code, clock.now()
        if wants is Wants.OFF:
            notices.turn_off(visit.tx, staff)
            visit.note("notices_set", wants=wants)
            return _page(visit, settings, done=IS_OFF)
        if settings.mails_from is None:
            return _page(visit, settings)
        had = notices.choice(visit.tx, visit.keyring, staff)
        said = visit.form.get("correo", ("",))[0].strip()
        if had is not None and said in ("", had.address) and had.is_confirmed:
            notices.want(visit.tx, staff, wants, visit.language, now)
            visit.note("notices_set", wants=wants)
            return _page(visit, settings, done=SAVED)
        address = said or (had.address if had is not None else "")
        if not is_address(address):
            return _page(visit, settings, error=NO_ADDRESS)
        if throttle.attempt(visit.tx, visit.keyring.hash(PURPOSE, f"notices {staff}"), OF_CODES):
            return _page(visit, settings, error=TOO_OFTEN)
        notices.ask(visit.tx, visit.keyring, staff, wants, address, visit.language, now)
        visit.note("notices_set", wants=wants, is_confirmed=False)
        return _page(visit, settings, done=SENT)

    def confirm(visit: Visit) -> Response:
        code = "".join(visit.said("codigo").split())
        if not notices.confirm(visit.tx, visit.keyring, visit.staff.code, code, clock.now()):
            return _page(visit, settings, error=WRONG_CODE)
        visit.note("notices_set", is_confirmed=True)
        return _page(visit, settings, done=CONFIRMED)

    return (
        Screen("notices", PATH, get=show, post=choose, label=N_("Avisos")),
        Screen("notices_code", f"{PATH}/codigo", post=confirm),
    )


def _page(visit: Visit, settings: Settings, *, error: str = "", done: str = "") -> Response:
    choice = notices.choice(visit.tx, visit.keyring, visit.staff.code)
    return visit.page(
        "notices.html",
        status=422 if error else 200,
        mails_from=settings.mails_from,
        choices=CHOICES,
        wants=choice.wants if choice is not None else Wants.OFF,
        address=masked(choice.address) if choice is not None else "",
        is_confirmed=choice is not None and choice.is_confirmed,
        was_refused=notices.was_refused(visit.tx, visit.staff.code) if choice is not None else False,
        error=error,
        done=done,
    )


def masked(address: str) -> str:
    """An address as whoever knows it knows it again: `a…@cruzroja.org`."""
    name, _, place = address.rpartition("@")
    return f"{name[:1]}…@{place}"

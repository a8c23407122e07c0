"""The first time: with the code that was handed over, a password, a PIN and an authenticator of one's own.

The code is typed, never a part of an address: addresses stand in histories and in logs of proxies. It stays in a cookie
until the form is sent, and is good for one person, once.
"""

import re
from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from hub.console.web import accounts, credentials, entering, sessions, throttle
from hub.console.web.answers import FIELD, address
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_

CODE_PATH, FORM_PATH = "/alta", "/alta/datos"
NOT_TAKEN: Final = "no-vale"
WAIT: Final = re.compile(r"espere-([1-9][0-9]{0,4})")  # so many seconds
UNKNOWN: Final = N_("Este código no vale: ya se usó, venció, o tiene una letra cambiada. Pida otro a quien se lo dio.")
ERRORS: Final = {
    "password": N_("La contraseña necesita al menos 12 caracteres, 5 de ellos distintos, y no puede llevar su nombre."),
    "password_again": N_("Las dos contraseñas no son iguales."),
    "pin": N_("El PIN son seis cifras, que no sean todas iguales ni seguidas."),
    "pin_again": N_("Los dos PIN no son iguales."),
    "code": N_("El código de la aplicación no es correcto. Espere al siguiente y revise la hora del teléfono."),
}
"""What may be wrong with each field of the form."""


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""
    enrolling = Enrolling(settings)
    return (
        Screen("enrolment", CODE_PATH, get=ask_code, post=enrolling.take_code, hashes=True),
        Screen("enrolment_form", FORM_PATH, get=enrolling.ask, post=enrolling.enrol, hashes=True, answers_itself=True),
        Screen("enrolment_qr", "/alta/qr.svg", get=enrolling.picture),
    )


def ask_code(visit: Visit) -> Response:
    """The form for the code; where one was not taken its address says why, for nobody has a session yet."""
    said = visit.query.get(FIELD, "")
    waits = WAIT.fullmatch(said)
    if waits is not None:
        return visit.page("enrolment_code.html", status=429, error="", wait=int(waits[1]))
    error = UNKNOWN if said == NOT_TAKEN else ""
    return visit.page("enrolment_code.html", status=401 if error else 200, error=error, wait=0)


class Enrolling:
    """The pages that come after the code."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def take_code(self, visit: Visit) -> Response:
        """Take the code, and keep it in the browser for the next page."""
        subject = visit.keyring.hash("attempts", f"address {visit.address}")
        if visit.address is not None and (wait := throttle.attempt(visit.tx, subject, throttle.OF_AN_ADDRESS)):
            return visit.go(address(CODE_PATH, f"espere-{wait}"))
        code = visit.said("code", 40)
        found = accounts.begin_enrolment(visit.tx, visit.keyring, credentials.code_digest(code))
        if found is None:
            visit.note("enrolment_failed")
            return visit.go(address(CODE_PATH, NOT_TAKEN))
        if visit.address is not None:
            throttle.take_back(visit.tx, subject)
        visit.browser = f"{sessions.new_browser()}.{credentials.normal_code(code)}"
        return visit.go(FORM_PATH)

    def ask(self, visit: Visit) -> Response:
        """The form for all that is chosen."""
        found, _ = self._found(visit)
        return self._form(visit, found) if found is not None else visit.go(CODE_PATH)

    def picture(self, visit: Visit) -> Response:
        """The QR code for the authenticator."""
        found, _ = self._found(visit)
        if found is None:
            raise Stopped("not_found")
        return Response(credentials.totp_qr(found.secret, found.staff.login), media_type="image/svg+xml")

    def enrol(self, visit: Visit) -> Response:
        """Let somebody in from now on, and show the recovery codes this once."""
        found, digest = self._found(visit)
        if found is None:
            return visit.go(CODE_PATH)
        password, again = (visit.form.get(name, [""])[0] for name in ("password", "password_again"))
        pin, step = visit.said("pin"), credentials.totp_step(found.secret, visit.said("code"))
        wrong = {
            "password": credentials.is_weak_password(password, found.staff.login),
            "password_again": password != again,
            "pin": credentials.is_weak_pin(pin),
            "pin_again": pin != visit.said("pin_again"),
            "code": step is None,
        }
        if any(wrong.values()) or step is None:
            return self._form(visit, found, [name for name in ERRORS if wrong[name]], 422)
        codes = accounts.enrol(visit.tx, digest, found.staff.code, password=password, pin=pin, step=step)
        if codes is None:
            return visit.go(CODE_PATH)
        visit.note("enrolled", by=found.staff)
        entering.begin(visit, found.staff, self._settings.session_hours)
        return visit.page("enrolled.html", codes=codes)

    def _form(self, visit: Visit, found: accounts.Enrolling, wrong: Sequence[str] = (), status: int = 200) -> Response:
        errors = {name: ERRORS[name] for name in wrong}
        return visit.page("enrolment.html", status=status, staff=found.staff, secret=found.secret, errors=errors)

    def _found(self, visit: Visit) -> tuple[accounts.Enrolling | None, bytes]:
        """Who enrols in this browser, and the SHA-256 of their code."""
        _, _, code = visit.browser.partition(".")
        digest = credentials.code_digest(code)
        found = accounts.begin_enrolment(visit.tx, visit.keyring, digest) if code else None
        if found is not None and not self._settings.takes_part(found.staff.organisation):
            found = None
        return found, digest

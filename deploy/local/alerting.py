"""Who is told of alerts, as an operator has set it (RUTA_ALERTS_FILE, RUTA_SMTP_URL, RUTA_SMTP_FROM)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.operator_error import OperatorError
from hub.console.notices.smtp import Server, UnusableServer, is_address
from hub.monitor.alerts import sending
from hub.monitor.alerts import settings as setting
from hub.monitor.alerts.settings import Settings, UnusableSettings

ALERTS_FILE: Final = "RUTA_ALERTS_FILE"


def settings_of(environment: Mapping[str, str]) -> Settings:
    """When something is an alert, and who is told. Raises OperatorError."""
    named = environment.get(ALERTS_FILE)
    try:
        return setting.read(Path(named) if named else None)
    except UnusableSettings as error:
        raise OperatorError(str(error)) from None


def mail_of(environment: Mapping[str, str], settings: Settings) -> sending.Mail | None:
    """By which server mail goes; None where none is to. Raises OperatorError."""
    if not settings.notify.mail:
        return None
    url, sender = environment.get("RUTA_SMTP_URL"), environment.get("RUTA_SMTP_FROM")
    if not url or not sender:
        raise OperatorError("Alerts are to be sent by mail, and RUTA_SMTP_URL and RUTA_SMTP_FROM do not say how.")
    if not all(is_address(one) for one in (sender, *settings.notify.mail)):
        raise OperatorError("Alerts are to be sent by mail, and not all addresses are ones of e-mail.")
    try:
        return sending.Mail(Server.read(url), sender)
    except UnusableServer as error:
        raise OperatorError(str(error)) from None

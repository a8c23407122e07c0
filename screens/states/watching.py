"""The network for whoever operates it: alerts, messages, queues, organisations, and the audit."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from hub.monitor.seen import Seen
from screens import audited, cases, log, operating
from screens.console import AUDITOR, OPERATOR
from screens.states.state import State
from screens.visiting import Hand


def _alerts(seconds_ago: int, *open: str, silenced: str | None = None) -> Callable[[Hand], None]:
    """Look at what is open as somebody saw it so long ago."""

    def look(hand: Hand) -> None:
        hand.console.look(seconds_ago, *open, silenced=silenced)
        hand.go("/alertas")

    return look


def _logged(path: str, *, is_there: bool = True, **typed: str) -> Callable[[Hand], None]:
    """Look into the message log while it answers, or does not, and look for something there."""

    def look(hand: Hand) -> None:
        hand.console.let_log_be_read(is_there)
        hand.go(path)
        if typed:
            hand.send(**typed)

    return look


OPENS: Final = f"form[action='/mensaje/{log.CONFIDENTIAL}']"


def _opened(hand: Hand) -> None:
    _logged(f"/mensaje/{log.CONFIDENTIAL}")(hand)
    hand.page.locator(f"{OPENS} [value=organisation_asks]").check()
    hand.press(f"{OPENS} button")


def _not_opened(hand: Hand) -> None:
    _logged(f"/mensaje/{log.CONFIDENTIAL}")(hand)
    hand.page.locator(f"{OPENS} [value=organisation_asks]").check()
    hand.page.locator(f"{OPENS} [name=referencia]").fill("Inés")
    hand.press(f"{OPENS} button")


def _mended(hand: Hand) -> None:
    """Look at a message that Inés has had tried again, and then somebody given back from a terminal."""
    by = hand.console.people[OPERATOR.login].code
    hand.console.failing.mended(log.REFUSED, (f"staff:{by}", "quarantined"), ("operator:1000", "given_back"))
    _logged(f"/mensaje/{log.REFUSED}")(hand)
    hand.console.failing.forget()


def _given_up(*, is_there: bool = True) -> Callable[[Hand], None]:
    """Look at a message that a service has given up, while the log answers or does not."""

    def look(hand: Hand) -> None:
        hand.console.failing.give_up(log.GIVEN_UP)
        _logged(f"/mensaje/{log.GIVEN_UP}", is_there=is_there)(hand)
        hand.console.failing.forget()

    return look


def _mended_unseen(hand: Hand) -> None:
    with hand.console.failing.away():
        _logged(f"/mensaje/{log.REFUSED}")(hand)


def _talking(*, seconds_ago: int = 30, is_there: bool = True) -> Callable[[Hand], None]:
    """Look at who talks to whom, where nothing waited for the log so long ago."""

    def look(hand: Hand) -> None:
        hand.console.let_log_be_read(is_there)
        hand.console.let_log_be_whole(seconds_ago)
        hand.go("/topologia")

    return look


def _seen(path: str, network: Callable[[datetime], Seen], seconds_ago: int = 8) -> Callable[[Hand], None]:
    """Look at a page of the monitor, where somebody looked at the network so long ago."""

    def look(hand: Hand) -> None:
        hand.console.see(seconds_ago, network)
        hand.console.let_log_be_read(is_there=True)
        hand.go(path)

    return look


def _audited(path: str, *, right: bool = True) -> Callable[[Hand], None]:
    """Look into the audit, which was found to be as it was written, or not."""

    def look(hand: Hand) -> None:
        hand.console.verify(right=right)
        hand.go(path)

    return look


def _audit_away(hand: Hand) -> None:
    with hand.console.delivered.away():
        _audited("/auditoria?cadena=red")(hand)


def _audit_wrong(hand: Hand) -> None:
    _audited("/auditoria")(hand)
    hand.send(quien="quien sea", objeto="algo")


STATES: Final = (
    State("alerts", "alerts_none", OPERATOR, _alerts(10)),
    State("alerts", "alerts", OPERATOR, _alerts(10, "broker_away", "supervisor_frozen", silenced="supervisor_frozen")),
    State("alerts", "alerts_away", OPERATOR, _alerts(600)),
    State("messages", "messages", OPERATOR, _logged("/mensajes")),
    State("messages", "messages_none", OPERATOR, _logged("/mensajes?organizacion=fuvadis")),
    State("messages", "messages_wrong", OPERATOR, _logged("/mensajes", q="K7M2"), is_refused=True),
    State("messages", "messages_away", OPERATOR, _logged("/mensajes", is_there=False)),
    State("message", "message", OPERATOR, _logged(f"/mensaje/{log.ACCEPTED}")),
    State("message", "message_subject", OPERATOR, _logged(f"/mensaje/{log.REFERRAL}")),
    State("message", "message_refused", OPERATOR, _logged(f"/mensaje/{log.REFUSED}")),
    State("message", "message_confidential", OPERATOR, _logged(f"/mensaje/{log.CONFIDENTIAL}")),
    State("message", "message_opened", OPERATOR, _opened),
    State("message", "message_not_opened", OPERATOR, _not_opened, is_refused=True),
    State("message", "message_given_up", OPERATOR, _given_up()),
    State("message", "message_given_up_away", OPERATOR, _given_up(is_there=False)),
    State("message", "message_mended", OPERATOR, _mended),
    State("message", "message_mended_unseen", OPERATOR, _mended_unseen),
    State("message", "message_unknown", OPERATOR, _logged(f"/mensaje/{cases.an_id('nothing')}")),
    State("message", "message_away", OPERATOR, _logged(f"/mensaje/{log.ACCEPTED}", is_there=False)),
    State("state", "state_well", OPERATOR, _seen("/estado", operating.well)),
    State("state", "state_broker_away", OPERATOR, _seen("/estado", operating.broker_away)),
    State("state", "state_behind", OPERATOR, _seen("/estado", operating.behind)),
    State("state", "state_given_up", OPERATOR, _seen("/estado", operating.given_up)),
    State("state", "state_dark", OPERATOR, _seen("/estado", operating.dark)),
    State("state", "state_old", OPERATOR, _seen("/estado", operating.well, 600)),
    State("queues", "queues_well", OPERATOR, _seen("/colas", operating.well)),
    State("queues", "queues_behind", OPERATOR, _seen("/colas", operating.behind)),
    State("queues", "queues_uncounted", OPERATOR, _seen("/colas", operating.uncounted)),
    State("queues", "queues_dark", OPERATOR, _seen("/colas", operating.dark)),
    State("queues", "queues_old", OPERATOR, _seen("/colas", operating.well, 600)),
    State("waits", "waits_well", OPERATOR, _seen("/en-espera", operating.well)),
    State("waits", "waits_behind", OPERATOR, _seen("/en-espera", operating.behind)),
    State("waits", "waits_dark", OPERATOR, _seen("/en-espera", operating.dark)),
    State("waits", "waits_old", OPERATOR, _seen("/en-espera", operating.well, 600)),
    State("organisations", "organisations_well", OPERATOR, _seen("/organizaciones", operating.well)),
    State("organisations", "organisations_behind", OPERATOR, _seen("/organizaciones", operating.behind)),
    State("organisations", "organisations_dark", OPERATOR, _seen("/organizaciones", operating.dark)),
    State("organisations", "organisations_old", OPERATOR, _seen("/organizaciones", operating.well, 600)),
    State("topology", "topology", OPERATOR, _talking()),
    State("topology", "topology_behind", OPERATOR, _talking(seconds_ago=1_800)),
    State("topology", "topology_away", OPERATOR, _talking(is_there=False)),
    State("audit", "audit", AUDITOR, _audited(f"/auditoria?quien={audited.WHO}")),
    State("audit", "audit_operator", OPERATOR, _audited(f"/auditoria?quien={audited.WHO}", right=False)),
    State("audit", "audit_away", OPERATOR, _audit_away),
    State("audit", "audit_none", AUDITOR, _audited("/auditoria?quien=s-9999")),
    State("audit", "audit_wrong", AUDITOR, _audit_wrong, is_refused=True),
)

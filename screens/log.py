"""An invented message log: what was said about one referral, and what became of each, at a moment that stands still."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Message, codes
from hub.monitor.log import __main__ as process
from hub.monitor.log import counting, keeping, refused
from messaging import database
from messaging.database import Connection
from messaging.identity import address_to
from screens.cases import an_id
from screens.frozen import NOW

DATABASE: Final = "screens_monitor"
REFERRAL: Final = an_id("logged")
HIDDEN: Final = an_id("logged hidden")
ACCEPTED, REFUSED, GIVEN_UP = (an_id(f"logged {what}") for what in ("accepted", "refused", "given up"))
"""Messages that states are about."""
CONFIDENTIAL: Final = an_id("logged confidential")
"""And one of a case that is confidential."""


def fill(url: str) -> None:
    """Write it into a database that is up to date."""
    with database.connect(url) as connection:
        keeping.make_partitions(connection, NOW)
        connection.execute("insert into confidential_id values (%s, %s)", (HIDDEN, _at(5000)))
        for seconds_ago, message in _messages():
            key = address_to(message.recipient, message) if message.recipient else message.type
            process.write(connection, [(key, message.to_json())], NOW - timedelta(seconds=seconds_ago))
        beyond = {
            "number": 1,
            "at": NOW - timedelta(hours=2),
            "organisation": "fuvadis",
            "code": "not_json",
            "beyond": 113,
        }
        refused.write(connection, [beyond], NOW - timedelta(seconds=1))
        connection.commit()
        _talk(connection)


WEEK: Final = (
    ("redcross", "-", "referral.requested.v2", 940),
    ("redcross", "-", "person.registered.v1", 612),
    ("hub", "redcross", "referral.status.v1", 2210),
    ("hub", "iom", "referral.status.v1", 1874),
    ("iom", "-", "referral.accepted.v1", 820),
    ("iom", "-", "referral.received.v1", 905),
    ("americares", "-", "service.published.v1", 5),
    ("-", "-", "referral", 61),
)
"""Who said what to whom in the week before: `-` for the hub's services, and as a source in confidential cases."""


def _talk(connection: Connection) -> None:
    """Have it counted what was said in the week before, and until now."""
    for seconds_ago in (8 * 24 * 3600, 30):
        counting.say_whole(connection, _at(seconds_ago))
    connection.execute("update counted set behind_at = null")
    hour = _at(5 * 3600).replace(minute=0, second=0, microsecond=0)
    for source, recipient, type, count in WEEK:
        row = (hour, source, recipient, type, count)
        connection.execute("insert into flow_hour values (%s, %s, %s, %s, %s)", row)
    minute = _at(1200).replace(second=0, microsecond=0)
    for source, recipient, type, count in (("redcross", "-", "referral.requested.v2", 7), ("-", "-", "referral", 1)):
        connection.execute("insert into flow values (%s, %s, %s, %s, %s, 0)", (minute, source, recipient, type, count))
    connection.commit()


def _messages() -> list[tuple[float, Message[Any]]]:
    """What was said, and how many seconds ago it came; it was said a little earlier."""
    received = _step(contracts.ReferralReceived(referral_id=REFERRAL), "iom", "logged received", 3000)
    accepted = _step(contracts.ReferralAccepted(referral_id=REFERRAL), "iom", "logged accepted", 2400)
    refused = _step(contracts.ReferralAccepted(referral_id=REFERRAL), "redcross", "logged refused", 900)
    given_up = _step(contracts.ReferralAccepted(referral_id=REFERRAL), "iom", "logged given up", 300)
    hidden = _step(contracts.ReferralAccepted(referral_id=HIDDEN), "iom", "logged confidential", 600, HIDDEN)
    return [
        (2999, received),
        (2998, _became(received, "applied", 2998.6)),
        (2998, _status("received", "redcross", received, 2998.6)),
        (2397, accepted),
        (2396, _became(accepted, "waits", 2396.6, code="unknown_service", waiting_for=str(an_id("logged service")))),
        (1800, _became(accepted, "applied", 1800.4)),
        (1800, _status("accepted", "redcross", accepted, 1800.4)),
        (1799, _status("accepted", "iom", accepted, 1800.4)),
        (899, refused),
        (898, _became(refused, "refused", 898.5, code="not_a_party")),
        (599, hidden),
        (598, _became(hidden, "refused", 598.5, code="not_a_party")),
        (299, given_up),
        (290, _became(given_up, "quarantined", 291.0, code="failed")),
    ]


def _at(seconds_ago: float) -> datetime:
    return NOW - timedelta(seconds=seconds_ago)


def _step(data: Any, source: str, name: str, seconds_ago: float, about: UUID = REFERRAL) -> Message[Any]:
    draft = contracts.Draft(data, str(about))
    return contracts.stamp(draft, source=source, time=_at(seconds_ago), id=an_id(name))


def _status(state: str, to: str, cause: Message[Any], seconds_ago: float) -> Message[Any]:
    data = contracts.ReferralStatus(
        referral_id=REFERRAL,
        state=codes.ReferralState(state),
        changed_at=_at(seconds_ago),
        changed_by="iom",
        sender="redcross",
        recipient="iom",
        service_id=an_id("logged service"),
    )
    id = an_id(f"logged {state} {to}")
    return contracts.stamp(
        contracts.Draft(data, str(REFERRAL), to, 1), source="hub", time=_at(seconds_ago), id=id, cause=cause
    )


def _became(message: Message[Any], state: str, seconds_ago: float, **more: Any) -> Message[Any]:
    group = contracts.ProcessedGroup(type=message.type, state=codes.ProcessedState(state), ids=(message.id,), **more)
    data = contracts.MessagesProcessed(organisation=message.source, service="referrals", groups=(group,))
    id = an_id(f"logged {message.id} {state}")
    draft = contracts.Draft(data, message.source, message.source, 1)
    return contracts.stamp(draft, source="hub", time=_at(seconds_ago), id=id)

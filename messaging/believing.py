"""What no sender is believed: that something happened, or was said, at a time that is still to come.

The newest word of an organisation stands. One message from a machine whose clock says 2099 would be the newest for
good, and whatever came afterwards, with the right time, `superseded`.
"""

from datetime import datetime, timedelta, timezone
from typing import Final

import contracts
from messaging import clock
from messaging.answers import Refused
from messaging.identity import HUB
from messaging.plausible import CLOCKS_DIFFER

COLOMBIA: Final = timezone(timedelta(hours=-5))  # whose days the contracts' days are; all of the country, all year


def check_times(message: contracts.Message) -> None:
    """Refuse a message that states a moment or a day which has not come (contracts/fields.py `Past`), at the field.

    What the hub's services say for themselves is taken: they repeat what was let pass before, and nobody could be told.
    """
    if message.source == HUB:
        return
    latest = clock.now() + CLOCKS_DIFFER
    for where, when, code in contracts.stated(message):
        if when > (latest if isinstance(when, datetime) else latest.astimezone(COLOMBIA).date()):
            raise Refused(code, where)

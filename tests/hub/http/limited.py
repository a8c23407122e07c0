"""The entrance by HTTP as it really serves, with other limits of a connection, or with a fault.

python -m tests.hub.http.limited [LIMITS [FAULT]]      (connection_limits.Limits as JSON; a name of FAULTS;
                                                        the environment is that of hub.gateway.http)
"""

import json
import sys
from contextlib import nullcontext

from hub.gateway.http import feed, serving
from hub.gateway.http.app import Settings, make_app
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.limits import InUse
from hub.gateway.http.streaming import Stream
from hub.gateway.http.strict import Protocol, Stage
from hub.gateway.http.unread import Unread
from hub.gateway.settings import setting
from messaging.topology import GATEWAY_HTTP
from tests.hub.http import standin

_send_next = Stream._send_next


async def _send_next_with_a_connection_in_hand(self: Stream, *sending: object) -> None:
    async with self._pool.connection():
        await _send_next(self, *sending)  # type: ignore[arg-type]


_begin = Protocol.on_message_begin


def _begin_to_work(self: Protocol) -> None:
    _begin(self)
    self._place.works()


def _rest_where_all_has_come(self: Protocol) -> None:
    if self._stage is Stage.NOTHING and self._is_answered() and not self.pipeline:
        self._place.rests()


# Planted: what each makes of the process, the tests have to notice.
FAULTS: dict[str, tuple[object, str, object]] = {
    **standin.FAULTS,
    "nobody is cut": (Unread, "watch", lambda _: None),
    "who reads keeps a connection to the database": (Stream, "_send_next", _send_next_with_a_connection_in_hand),
    "who comes back begins anew": (feed, "_cursor", lambda *_: None),
    "who begins a request rests no more": (Protocol, "on_message_begin", _begin_to_work),
    "who owes a body does not rest": (Protocol, "_mind_rest", _rest_where_all_has_come),
    "nothing is counted of a key": (InUse, "one", lambda *_, **__: nullcontext()),
}


def main(limits: str = "{}", fault: str | None = None) -> int:
    """Serve it, with a fault of these if one is named."""
    if fault is not None:
        setattr(*FAULTS[fault])

    listens = setting("GATEWAY_HTTP_LISTEN")
    return serving.run(
        GATEWAY_HTTP, lambda: make_app(Settings.from_environment()), listens, limits=Limits(**json.loads(limits))
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

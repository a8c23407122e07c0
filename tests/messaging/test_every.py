"""When a timed handler runs that has more to do than it did."""

from types import SimpleNamespace

import pytest
from eventlet.event import Event

from messaging.on import _Every


class Ticking(_Every):
    """Runs five times, and each time it has more to do; so many batches of messages come in between."""

    def __init__(self, interval: float, messages: int) -> None:
        self.service = SimpleNamespace(batches=0)  # type: ignore[assignment]
        self._interval, self._messages = interval, messages
        self._stop = Event()
        self._messages_come = False
        self.was_to_be_brief: list[bool] = []

    def _tick(self) -> bool:
        self.service.batches += self._messages
        self.was_to_be_brief.append(self._messages_come)
        if len(self.was_to_be_brief) == 5:
            self._stop.send()
        return True


def test_where_no_message_comes_it_goes_on_at_once() -> None:
    ticking = Ticking(interval=3600, messages=0)
    ticking._run()
    assert ticking.was_to_be_brief == [False] * 5


@pytest.mark.parametrize("messages", [1, 3])
def test_where_messages_come_it_is_brief_and_comes_after_the_interval(messages: int) -> None:
    ticking = Ticking(interval=0.01, messages=messages)
    ticking._run()
    assert ticking.was_to_be_brief == [False, True, True, True, True]

"""When a timed handler runs that has more to do than it did."""

from types import SimpleNamespace

import pytest
from eventlet.event import Event

from messaging.on import _Every


class Ticking(_Every):
    """Runs five times, and each time it has more to do; others take so many turns in between."""

    def __init__(self, interval: float, others: int) -> None:
        self.service = SimpleNamespace(turns=0)  # type: ignore[assignment]
        self._interval, self._others = interval, others
        self._stop = Event()
        self._others_at_work = False
        self.was_to_be_brief: list[bool] = []

    def _tick(self) -> bool:
        self.service.turns += 1 + self._others
        self.was_to_be_brief.append(self._others_at_work)
        if len(self.was_to_be_brief) == 5:
            self._stop.send()
        return True


def test_where_nobody_else_has_anything_it_goes_on_at_once() -> None:
    ticking = Ticking(interval=3600, others=0)
    ticking._run()
    assert ticking.was_to_be_brief == [False] * 5


@pytest.mark.parametrize("others", [1, 3])
def test_where_others_are_at_work_it_is_brief_and_comes_after_the_interval(others: int) -> None:
    ticking = Ticking(interval=0.01, others=others)
    ticking._run()
    assert ticking.was_to_be_brief == [False, True, True, True, True]

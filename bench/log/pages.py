"""What pages of the monitor ask the log for that no single message answers: who talks to whom, and one long story."""

import time
from collections.abc import Callable
from datetime import datetime
from statistics import quantiles
from typing import Final

from bench.log.world import LONG_STORY, STORY_OF
from deploy.local import OperatorError
from hub.monitor.log import talking
from hub.monitor.log.stories import DRAWN
from hub.monitor.web import drawing, log, story
from messaging.database import Connection

LOOKS: Final = 100
GOAL_MS: Final = 200.0  # at 95 of a hundred, for the story

Page = Callable[[Connection], bool]


def measure(url: str, now: datetime, looks: int = LOOKS) -> dict[str, dict[str, float]]:
    """Time both by turns, each by a connection of the pages' own pool; p50_ms and p95_ms of each.

    That is all that the server does for the page but for session, template and audit. `now` is when the log ends.
    Raises OperatorError where one shows something else than there is.
    """

    def topology(connection: Connection) -> bool:
        said = talking.talks(connection, now)
        return bool(said.talks)

    def long_story(connection: Connection) -> bool:
        found = story.found_of(connection, STORY_OF)
        assert found is not None
        entries = found.story.entries
        drawing.sequence(entries)
        drawing.waterfall(entries, now)
        rows = [story.shown(one) for one in entries]
        return found.story.count == LONG_STORY and len(rows) == DRAWN and all(one.failed for one in entries)

    took: dict[str, list[float]] = {"topology": [], "story": []}
    for _ in range(looks):
        for name, page in (("topology", topology), ("story", long_story)):
            took[name].append(_timed(url, page))
    return {name: _centiles(some) for name, some in took.items()}


def _timed(url: str, page: Page) -> float:
    began = time.perf_counter()
    with log.connections(url).connection() as connection:
        is_right = page(connection)
    if not is_right:
        raise OperatorError("A page does not show what the log has")
    return time.perf_counter() - began


def _centiles(took: list[float]) -> dict[str, float]:
    cut = quantiles(took, n=20)
    return {"p50_ms": round(1_000 * cut[9], 1), "p95_ms": round(1_000 * cut[18], 1)}

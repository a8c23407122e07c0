"""What the monitor's pages have in common: what was last seen of the network, and how long something lasts."""

from datetime import UTC, datetime, timedelta
from typing import Final

from babel.dates import format_timedelta

from hub.console.web.settings import Settings
from hub.gateway.http.problems import Language
from hub.monitor import seen
from hub.monitor.seen import Seen
from messaging import clock

HOLDS_FOR: Final = timedelta(minutes=2)  # what was looked at longer ago says nothing of now
UNITS: Final = 2  # minutes, hours and so on, from which on they are said: until then in the smaller ones


class Looked:
    """The last look, where it says something of now; and its words."""

    def __init__(self, settings: Settings, language: Language) -> None:
        book = settings.alerts_book
        found = seen.read(seen.beside(book)) if book is not None else None
        self.now = clock.now()
        self._language = language
        self.at = datetime.fromisoformat(found.at) if found is not None else None
        self.seen: Seen | None = found if self.at is not None and holds(self.at, self.now) else None

    @property
    def old(self) -> float | None:
        """Seconds since it was looked; None where nobody has."""
        return None if self.at is None else (self.now - self.at).total_seconds()

    def lasting(self, seconds: float) -> str:
        """How long, in a unit that people say."""
        span = timedelta(seconds=max(round(seconds), 0))
        return str(format_timedelta(span, threshold=UNITS, locale=self._language))

    def since(self, moment: str) -> str:
        """How long ago a moment is, as above."""
        return self.lasting((self.now - datetime.fromisoformat(moment)).total_seconds())


def holds(at: datetime, now: datetime) -> bool:
    """Whether what was seen then says something of now."""
    return now - at <= HOLDS_FOR


def moment(said: str | datetime) -> str:
    """A moment as logs have it."""
    at = datetime.fromisoformat(said) if isinstance(said, str) else said
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

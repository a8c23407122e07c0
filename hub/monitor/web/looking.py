"""What the monitor's pages have in common: what was last seen of the network, and how they say times and numbers."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from babel.dates import format_timedelta
from babel.numbers import format_decimal

from hub.console.web import showing
from hub.console.web.fields import TODAY
from hub.console.web.saying import LOCALES, Saying
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.monitor import seen
from hub.monitor.seen import Seen

HOLDS_FOR: Final = timedelta(minutes=2)  # what was looked at longer ago says nothing of now
DIGITS: Final = 18  # below 2**63
UNITS: Final = 2  # minutes, hours and so on, from which on they are said: until then in the smaller ones


class Looked:
    """A look, whether it says something of now, and the words of a page that shows what was seen."""

    def __init__(self, say: Saying, at: str | None) -> None:
        """`at` is when it was, ISO 8601; None where nobody has looked."""
        self.say = say
        self.at = datetime.fromisoformat(at) if at is not None else None
        self.holds = self.at is not None and holds(self.at, say.now)
        self._locale = LOCALES[say.language]

    @property
    def old(self) -> float | None:
        """Seconds since it was looked; None where nobody has."""
        return None if self.at is None else (self.say.now - self.at).total_seconds()

    def lasting(self, seconds: float) -> str:
        """How long, in a unit that people say."""
        span = timedelta(seconds=max(round(seconds), 0))
        return str(format_timedelta(span, threshold=UNITS, locale=self._locale))

    def since(self, at: str) -> str:
        """How long ago a moment is, as above."""
        return self.lasting((self.say.now - datetime.fromisoformat(at)).total_seconds())

    def when(self, at: str | datetime) -> str:
        """The day and the hour of a moment, as the other pages have them."""
        return when(self.say, at)

    def in_logs(self, at: str | datetime) -> str:
        """A moment as logs have it."""
        return _moment(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

    def names(self, organisations: Iterable[str]) -> str:
        """What organisations are called."""
        return ", ".join(self.say.organisation(one) for one in organisations)

    def number(self, value: float) -> str:
        """A number; of its parts no more than two places."""
        return str(format_decimal(round(value, 2), locale=self._locale))


def last(visit: Visit, settings: Settings) -> tuple[Looked, Seen | None]:
    """The last look at the network; and what was seen, where that says something of now."""
    book = settings.alerts_book
    found = seen.read(seen.beside(book)) if book is not None else None
    looked = Looked(showing.saying(visit, settings), found.at if found is not None else None)
    return looked, found if looked.holds else None


def is_number(said: str) -> bool:
    """Whether an address says a number that the database may have: of more digits not even Python reads it."""
    return said.isascii() and said.isdigit() and len(said) <= DIGITS


def holds(at: datetime, now: datetime) -> bool:
    """Whether what was seen then says something of now."""
    return now - at <= HOLDS_FOR


def today(say: Saying) -> str:
    """What stands beside fields for times in UTC: which day it is there."""
    return say.text(TODAY) % {"day": say.day(say.now.astimezone(UTC).date())}


def when(say: Saying, at: str | datetime) -> str:
    """The day and the hour of a moment, as the other pages have them."""
    known = _moment(at)
    return say.near(known) if say.has_hour(known) else say.exact(known)


def _moment(said: str | datetime) -> datetime:
    return datetime.fromisoformat(said) if isinstance(said, str) else said

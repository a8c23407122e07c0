"""What pages say of codes, organisations and times, in the language of whoever looks."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_decimal

from contracts.codes import ReferralState
from contracts.words import NoWords, label
from hub.console.store.work import Day
from hub.console.web import words
from hub.console.web.words import N_
from hub.gateway.http.problems import Language
from hub.monitor.waiting import NOT_SHOWN
from messaging.believing import COLOMBIA
from messaging.identity import HUB
from messaging.topology import Organisation

# Read once: to have babel read a name anew for each moment is a third of a page that has many.
LOCALES: Final[Mapping[Language, Locale]] = {"es": Locale.parse("es_CO"), "en": Locale.parse("en_GB")}
DAYS: Final[Mapping[Language, str]] = {"es": "EEEE d 'de' MMMM", "en": "EEEE d MMMM"}  # by skeleton: `mar, 24 de …`
DATE: Final[Mapping[Language, str]] = {"es": "d 'de' MMMM", "en": "d MMMM"}
YEAR: Final[Mapping[Language, str]] = {"es": " 'de' y", "en": " y"}  # behind it
NEAR: Final = timedelta(days=30)  # beyond it a date says more than a number of days
IN_DAYS: Final = 5  # weeks: less than so many are said as days
OTHER_DAYS: Final = {-1: N_("ayer %(time)s"), 0: N_("hoy %(time)s"), 1: N_("mañana %(time)s")}
HUB_NAME: Final = "Ruta"
SOMEBODY: Final = N_("una organización en un caso reservado")
UNDECIDED: Final = N_("recibida, sin decidir")


def day_of(now: datetime) -> Day:
    """The day of a moment, as the centre counts it."""
    begins = now.astimezone(COLOMBIA).replace(hour=0, minute=0, second=0, microsecond=0)
    return Day(now, begins, begins + timedelta(days=1))


# Most moments of a page are of few days, and of the same hours of these.
@lru_cache(maxsize=4_096)
def _said_day(day: date, pattern: str, language: Language) -> str:
    return str(format_date(day, pattern, locale=LOCALES[language]))


@lru_cache(maxsize=1_440)
def _said_hour(at: time, language: Language) -> str:
    return str(format_time(at, "H:mm", locale=LOCALES[language]))


@lru_cache(maxsize=256)
def _said_days(days: int, language: Language) -> str:
    return str(
        format_timedelta(
            timedelta(days=days), granularity="day", threshold=IN_DAYS, add_direction=True, locale=LOCALES[language]
        )
    )


def number(value: float, language: Language, places: int = 0) -> str:
    """A number, as a language writes it, with so many places behind its comma."""
    return str(format_decimal(value, "#,##0" + "." * (places > 0) + "0" * places, locale=LOCALES[language]))


class Saying:
    """Words for one page: as of a moment, in a language."""

    def __init__(self, language: Language, now: datetime, organisations: Mapping[str, Organisation]) -> None:
        self.now = now
        self.language = language
        self._organisations = organisations
        self._gettext = words.translations(language).gettext

    def text(self, text: str) -> str:
        """A text of the catalogue."""
        return self._gettext(text)

    def code(self, value: str, of: str) -> str:
        """What a value of a list of codes is called; the code itself, where it is newer than our words."""
        try:
            return label(value, self.language, of=of)
        except NoWords:
            return value

    def state(self, value: str) -> str:
        """What the state of a referral is called; of one that was received, that this is no answer yet."""
        return self.text(UNDECIDED) if value == ReferralState.RECEIVED else self.code(value, "ReferralState")

    def country(self, code: str) -> str:
        """What a country of three letters is called; the letters, where nothing is called so."""
        letters = get_global("territory_aliases").get(code) or [code]
        return str(LOCALES[self.language].territories.get(letters[0], code))

    def organisation(self, id: str) -> str:
        """What an organisation is called; of one that has left the network, its short name.

        Of one whose case is confidential (NOT_SHOWN), no more than that.
        """
        if id == HUB:
            return HUB_NAME
        if id == NOT_SHOWN:
            return self.text(SOMEBODY)
        one = self._organisations.get(id)
        return id if one is None else one.name

    def exact(self, at: datetime) -> str:
        """The day, with its year where that is another than this one, and the hour."""
        when = at.astimezone(COLOMBIA)
        year = "" if when.year == self.now.astimezone(COLOMBIA).year else YEAR[self.language]
        return f"{_said_day(when.date(), DATE[self.language] + year, self.language)}, {self.hour(at)}"

    def in_full(self, day: date) -> str:
        """A day, in full."""
        return _said_day(day, "long", self.language)

    def day(self, at: datetime | date) -> str:
        """The weekday and the day."""
        when = at.astimezone(COLOMBIA).date() if isinstance(at, datetime) else at
        return _said_day(when, DAYS[self.language], self.language)

    def day_in_full(self, day: date) -> str:
        """The weekday and the day, with its year."""
        return _said_day(day, DAYS[self.language] + YEAR[self.language], self.language)

    def hour(self, at: datetime) -> str:
        """The hour."""
        local = at.astimezone(COLOMBIA)
        return _said_hour(time(local.hour, local.minute), self.language)

    def safe_time(self, one: Mapping[str, str]) -> str:
        """A time of each week, in which it is safe to reach somebody."""
        starts, ends = (_said_hour(time.fromisoformat(one[end]), self.language) for end in ("starts", "ends"))
        return f"{self.code(one['day'], 'Weekday')} {starts}\N{EN DASH}{ends}"

    def has_hour(self, at: datetime) -> bool:
        """Whether `near` says the hour."""
        return self._days_until(at) in OTHER_DAYS

    def _days_until(self, at: datetime) -> int:
        return (at.astimezone(COLOMBIA).date() - self.now.astimezone(COLOMBIA).date()).days

    def near(self, at: datetime) -> str:
        """When something was or will be, as people say it: `mañana 9:00`, `hace 3 días`."""
        days = self._days_until(at)
        if self.has_hour(at):
            return self._gettext(OTHER_DAYS[days]) % {"time": self.hour(at)}
        if abs(at - self.now) > NEAR:
            return _said_day(at.astimezone(COLOMBIA).date(), "d MMM y", self.language)
        return _said_days(days, self.language)

"""From when on something is an alert, and who is told: deploy/alerts.toml, or the file that an operator names."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

DEFAULTS: Final = Path(__file__).parents[3] / "deploy" / "alerts.toml"
LONGEST: Final = 10**9  # seconds


class UnusableSettings(Exception):
    """The file cannot be used; one sentence, which repeats no address: one may have a secret in it."""


@dataclass(frozen=True)
class Thresholds:
    """Seconds from which on something is an alert."""

    outbox_age: int
    queue_age: int
    read_table_lag: int
    referral_overdue: int
    own_service_behind: int
    organisation_unread: int
    monitor_dead: int


@dataclass(frozen=True)
class Notify:
    """Who is told, and when again."""

    remind_after: timedelta
    hold_until_seven: bool
    command: tuple[str, ...] = ()
    mail: tuple[str, ...] = ()
    webhook: str | None = None


@dataclass(frozen=True)
class Heartbeat:
    """Whom to tell that all is well, and how often."""

    every: timedelta
    url: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All of it."""

    thresholds: Thresholds
    silent_default: int
    silent: Mapping[str, int]  # seconds, by organisation
    notify: Notify
    heartbeat: Heartbeat

    def silent_after(self, organisation: str) -> int:
        """The seconds for which an organisation may say nothing."""
        return self.silent.get(organisation, self.silent_default)


def read(file: Path | None = None) -> Settings:
    """Read the defaults, and over them what a file says. Raises UnusableSettings."""
    said = tomllib.loads(DEFAULTS.read_text(encoding="utf-8"))
    if file is not None:
        try:
            own = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UnusableSettings(f"{file} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise UnusableSettings(f"{file} is no TOML.") from None
        said = _over(said, own, file)
    thresholds, silent, notify, beat = (said[part] for part in ("thresholds", "silent", "notify", "heartbeat"))
    return Settings(
        thresholds=Thresholds(**{one.name: _seconds(thresholds, one.name) for one in fields(Thresholds)}),
        silent_default=_seconds(silent, "default"),
        silent={name: _seconds(silent["organisations"], name) for name in _table(silent, "organisations")},
        notify=Notify(
            remind_after=timedelta(seconds=_seconds(notify, "remind_after")),
            hold_until_seven=_is(notify, "hold_until_seven"),
            command=_words(notify, "command"),
            mail=_words(notify, "mail"),
            webhook=_url(notify, "webhook"),
        ),
        heartbeat=Heartbeat(
            every=timedelta(seconds=_seconds(beat, "every")), url=_url(beat, "url"), command=_words(beat, "command")
        ),
    )


KNOWN: Final = {
    "thresholds": {one.name for one in fields(Thresholds)},
    "silent": {"default", "organisations"},
    "notify": {"remind_after", "hold_until_seven", "command", "mail", "webhook"},
    "heartbeat": {"every", "url", "command"},
}


def _over(said: Mapping[str, Any], own: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The defaults with what a file says over them; a name that nobody reads would be believed to hold."""
    whole = {part: dict(values) for part, values in said.items()}
    for part, values in own.items():
        if part not in KNOWN or not isinstance(values, dict):
            raise UnusableSettings(f"{file} has [{part}], which is none of {', '.join(KNOWN)}.")
        for name, value in values.items():
            if name not in KNOWN[part]:
                raise UnusableSettings(f"{file} has {name} in [{part}], which is none of {', '.join(KNOWN[part])}.")
            whole[part][name] = value
    return whole


def _seconds(said: Mapping[str, Any], name: str) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LONGEST:
        raise UnusableSettings(f"{name} of alerts has to be a whole number of seconds, above 0.")
    return value


def _is(said: Mapping[str, Any], name: str) -> bool:
    if not isinstance(said[name], bool):
        raise UnusableSettings(f"{name} of alerts has to be true or false.")
    return bool(said[name])


def _table(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = said.get(name, {})
    if not isinstance(value, dict):
        raise UnusableSettings(f"{name} of alerts has to be a table.")
    return value


def _words(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UnusableSettings(f"{name} of alerts has to be a list of texts.")
    return tuple(value)


def _url(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not (isinstance(value, str) and value.startswith(("https://", "http://"))):
        raise UnusableSettings(f"{name} of alerts has to be an address that begins with https:// or http://.")
    if value is not None and not _can_be_asked(value):
        raise UnusableSettings(f"{name} of alerts has a host or a port that is none.")
    return value


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0) and not any(map(str.isspace, url))
    except ValueError:
        return False

"""Alerts leave the machine: by a command, by mail, as a webhook; and a sign of life to an outside watcher.

What is not taken is tried again, later and later, for a day. It may come twice where its answer was lost.
"""

import http.client
import json
import logging
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final

from hub.console.notices.smtp import Away, NotTaken, Server
from hub.monitor.alerts.settings import Heartbeat, Notify
from hub.monitor.alerts.telling import Book, Message, Waiting

WITHIN: Final = 10.0  # seconds for each attempt
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(minutes=10)  # doubles with each attempt
GIVEN_UP_AFTER: Final = timedelta(days=1)

log = logging.getLogger("ruta.alerts")


class NotSent(Exception):
    """It was not taken, for now; `code` says why, without an address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Mail:
    """By which server, and from whom."""

    server: Server
    sender: str


def channels(settings: Notify, mail: Mail | None) -> Iterator[str]:
    """Where a message goes, each by a name that has no secret in it."""
    if settings.command:
        yield "command"
    if mail is not None:
        yield from (f"mail {number}" for number in range(len(settings.mail)))
    if settings.webhook:
        yield "webhook"


def send_waiting(book: Book, settings: Notify, mail: Mail | None, at: datetime) -> list[str]:
    """Send what is due; what is not taken stays in the book. Returns what went wrong, in codes by channel."""
    wrong: list[str] = []
    stays: list[Waiting] = []
    known = set(channels(settings, mail))
    failed: set[str] = set()  # one that does not answer is waited for once a look
    for one in book.waiting:
        is_early = one.next_at is not None and datetime.fromisoformat(one.next_at) > at
        if is_early or one.channel in failed:
            stays.append(one)
            continue
        if one.channel not in known:  # the operator has taken it out
            continue
        try:
            _send(one.channel, Message(**one.message), settings, mail)
        except NotSent as error:
            failed.add(one.channel)
            wrong.append(f"{one.channel}: {error.code}")
            log.warning("an alert was not sent (%s: %s)", one.channel, error.code)
            if at - datetime.fromisoformat(one.message["at"]) < GIVEN_UP_AFTER:
                delay = min(FIRST_DELAY * 2 ** min(one.attempts, 10), LONGEST_DELAY)
                stays.append(Waiting(one.channel, one.message, one.attempts + 1, (at + delay).isoformat()))
    book.waiting = stays
    return wrong


def _send(channel: str, message: Message, settings: Notify, mail: Mail | None) -> None:
    if channel == "command":
        _run(settings.command, message.as_text(), {"RUTA_ALERT": message.subject})
    elif channel == "webhook" and settings.webhook is not None:
        said = {"text": message.as_text(), **{name: getattr(message, name) for name in SAID}}
        _post(settings.webhook, said)
    elif mail is not None:
        _mail(message, mail, settings.mail[int(channel.split()[1])])


SAID: Final = ("event", "alert", "what", "waits", "first", "at")


def _run(command: Sequence[str], said: str, more: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, input=said, env=os.environ | more, text=True, timeout=WITHIN, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotSent("no_answer") from None
    except OSError:
        raise NotSent("no_such_command") from None
    if done.returncode:
        raise NotSent(f"ended_with_{done.returncode}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What is posted and redirected would come on as a question without a body, and seem taken."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nobody: the answer is an error as others are."""


_OPENER = urllib.request.build_opener(_NoRedirects)


def _post(url: str, said: dict[str, Any] | None) -> None:
    body = None if said is None else json.dumps(said).encode()
    try:
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310 - settings.py lets http(s) through alone
        with _OPENER.open(request, timeout=WITHIN):
            pass
    except urllib.error.HTTPError as error:
        raise NotSent(f"answered_{error.code}") from None
    except (OSError, ValueError, http.client.HTTPException):
        raise NotSent("away") from None


def _mail(message: Message, mail: Mail, to: str) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = message.subject, mail.sender, to
    letter.set_content(message.as_text())
    try:
        mail.server.send(letter, mail.sender, to)
    except Away as error:
        raise NotSent(error.code) from None
    except NotTaken:
        raise NotSent("not_taken") from None


def beat(book: Book, settings: Heartbeat, at: datetime) -> None:
    """Tell the outside watcher that all is well, where it is due; where that fails, the watcher hears nothing."""
    if book.beaten is not None and timedelta() <= at - datetime.fromisoformat(book.beaten) < settings.every:
        return  # where the clock was set back since, it is due
    try:
        if settings.url:
            _post(settings.url, None)
        if settings.command:
            _run(settings.command, "", {})
    except NotSent as error:
        log.warning("the outside watcher was not told that all is well (%s)", error.code)
        return
    book.beaten = at.isoformat()

"""The organisations of the sample: makes it, and then answers for those that have systems of their own, until it ends.

    python -m demo.sample

SAMPLE_DIRECTORY is the folder of the sample, SAMPLE_ORGANISATIONS that with a folder for each organisation, as it was
handed over, and SAMPLE_PUBLIC_KEYS the file of everybody's public keys. Of the hub it knows nothing else, and no
database: what it says comes in as anybody's messages do.
"""

import contextlib
import heapq
import json
import os
import queue
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import contracts
from contracts.codes import ReferralState
from demo.http_entrance import Event, LaterError
from demo.sample import answering, cast, script
from demo.sample.journal import Journal
from demo.sample.script import Line
from demo.sample.speaking import AWAY_FOR, SampleRefusedError, Speaker

NAME: Final = "sample"
MADE: Final = "made.json"
"""In the sample's folder, once every round has been said."""
ENDED_WITHIN: Final = 2.0  # seconds after their deadline, for the hub to end what nobody has answered
LOOK_EVERY: Final = 0.5  # seconds


def main() -> int:
    """Make the sample where it is not made, and answer until killed; 1 where the network refuses the sample."""
    folder = Path(os.environ["SAMPLE_DIRECTORY"])
    homes, public_keys = Path(os.environ["SAMPLE_ORGANISATIONS"]), Path(os.environ["SAMPLE_PUBLIC_KEYS"])
    journal = Journal(folder / "journal.sqlite")
    speakers = {
        id: Speaker(id, homes / id, public_keys, journal, time.sleep) for id in sorted({*cast.SIMULATED, *cast.HOSTED})
    }
    print(f"ready {NAME}", flush=True)
    try:
        if not (folder / MADE).exists():
            make(speakers, folder / MADE)
    except SampleRefusedError as refused:
        sys.exit(f"the sample cannot be made: {refused}")
    Answering([speakers[id] for id in cast.SIMULATED], journal).run()
    return 0


def make(speakers: Mapping[str, Speaker], made: Path) -> None:
    """Say every round, each when the one before is applied. Raises SampleRefusedError."""
    began = time.monotonic()
    said_at = 0.0
    for lines in script.rounds():
        by_speaker = [(id, list(some)) for id, some in groupby(sorted(lines, key=_speaker), _speaker)]
        for id, some in by_speaker:
            for line, code in zip(some, speakers[id].say(some), strict=True):
                if code is not None:
                    raise SampleRefusedError(f"{line.name}: {code}")
        if any(line.type.startswith("referral.requested") for line in lines):
            said_at = time.monotonic()
        for id, some in by_speaker:
            speakers[id].await_applied(some)
    # The two that nobody answers have ended by then.
    time.sleep(max(0.0, said_at + script.AT_ONCE.total_seconds() + ENDED_WITHIN - time.monotonic()))
    new = made.with_suffix(".new")
    new.write_text(json.dumps({"seconds": round(time.monotonic() - began, 1)}))
    new.replace(made)


def _speaker(line: Line) -> str:
    return line.by


@dataclass
class Inbox:
    """How far an organisation has read, and what of that it still has to answer."""

    speaker: Speaker
    last: int = 0
    open: set[int] = field(default_factory=set)
    acknowledged: int = 0

    @property
    def through(self) -> int:
        """Up to where everything is done."""
        return min(self.open) - 1 if self.open else self.last


class Answering:
    """Reads for several organisations at once, and says what is due. What is not answered yet is not acknowledged."""

    def __init__(self, speakers: list[Speaker], journal: Journal) -> None:
        self._inboxes = {one.id: Inbox(one) for one in speakers}
        self._journal = journal
        self._came: queue.Queue[tuple[str, Event]] = queue.Queue()
        self._due: list[tuple[float, int, str, Line]] = []
        self._asked: defaultdict[str, set[UUID]] = defaultdict(set)  # by whom, about which referrals
        self._of_the_sample = script.said_ids()

    def run(self) -> None:
        """Answer, without an end."""
        for inbox in self._inboxes.values():
            threading.Thread(target=self._follow, args=(inbox.speaker,), daemon=True).start()
        while True:
            until = self._due[0][0] - time.monotonic() if self._due else LOOK_EVERY
            with contextlib.suppress(queue.Empty):
                self._take(*self._came.get(timeout=min(max(until, 0.0), LOOK_EVERY)))
            self._say_due()
            for inbox in self._inboxes.values():
                self._acknowledge(inbox)

    def _follow(self, speaker: Speaker) -> None:
        """Read one organisation's stream, and go on behind the last event wherever it is cut."""
        after: int | None = None
        while True:
            with contextlib.suppress(OSError, LaterError):
                for event in speaker.reading.events(after):
                    self._came.put((speaker.id, event))
                    after = event.number
            time.sleep(AWAY_FOR)

    def _take(self, who: str, event: Event) -> None:
        inbox = self._inboxes[who]
        inbox.last = max(inbox.last, event.number)
        if event.kind != "message":
            return
        message = contracts.parse(event.data)
        if _asks(message, who):
            self._asked[who].add(message.data.referral_id)
        if message.causationid in self._of_the_sample:
            return  # a step of the sample's own: it stands as it was said
        if isinstance(message.data, contracts.MessageRefused):
            print(f"{who} was refused: {message.data.code}", file=sys.stderr, flush=True)
        answer = answering.answer(message, who, asked_before=_about(message) in self._asked[who])
        if answer is not None and not self._journal.was_taken(answer.line.name):
            inbox.open.add(event.number)
            heapq.heappush(self._due, (time.monotonic() + answer.after.total_seconds(), event.number, who, answer.line))

    def _say_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, number, who, line = heapq.heappop(self._due)
            inbox = self._inboxes[who]
            (code,) = inbox.speaker.say([line])
            if code is not None:
                print(f"{who} was refused: {code}", file=sys.stderr, flush=True)
            inbox.open.discard(number)

    def _acknowledge(self, inbox: Inbox) -> None:
        through = inbox.through
        if through > inbox.acknowledged:
            inbox.speaker.patiently(lambda: inbox.speaker.entrance.acknowledge(through))
            inbox.acknowledged = through


def _asks(message: contracts.Message[Any], who: str) -> bool:
    """Whether it says that an organisation has put a question."""
    data = message.data
    return (
        isinstance(data, contracts.ReferralStatus)
        and data.state is ReferralState.INFO_REQUESTED
        and data.recipient == who
    )


def _about(message: contracts.Message[Any]) -> UUID | None:
    return getattr(message.data, "referral_id", None)


if __name__ == "__main__":
    raise SystemExit(main())

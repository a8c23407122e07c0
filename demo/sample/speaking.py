"""An organisation of the sample, as the network knows it: by its own credentials, through the entrance by HTTP."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic_core import to_json

import contracts
from contracts import sealing
from demo.http_entrance import HttpEntrance, LaterError
from demo.sample.cast import HOSTED
from demo.sample.journal import Journal
from demo.sample.script import Line

AWAY_FOR: Final = 0.3  # seconds, until the entrance is asked again
AT_ONCE: Final = 50  # messages of a batch


class SampleRefusedError(Exception):
    """The network has refused what the sample says by itself: which line, and under which code."""


class Speaker:
    """One organisation that speaks, each line once."""

    def __init__(
        self,
        id: str,
        home: Path,
        directory: Path,
        journal: Journal,
        wait: Callable[[float], object],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`home` is the folder that it was handed, `directory` the file of everybody's public keys."""
        self.id = id
        self._now = now
        credentials = json.loads((home / "credentials.json").read_text())
        key = credentials["systems"]["console"]["api_key"] if id in HOSTED else credentials["api_key"]
        self.entrance = HttpEntrance(credentials["http_url"], key)
        self.reading = HttpEntrance(credentials["http_url"], key)  # its own connection, in a thread of its own
        known = json.loads(directory.read_text())["organisations"]
        self._public_keys = {name: entry["public_key"] for name, entry in known.items()}
        self._journal = journal
        self._wait = wait

    def say(self, lines: Sequence[Line]) -> list[str | None]:
        """Say what was not said before; of each, the code under which the entrance has refused it."""
        new = [line for line in lines if not self._journal.was_taken(line.name)]
        codes: dict[str, str | None] = {}
        for start in range(0, len(new), AT_ONCE):
            batch = new[start : start + AT_ONCE]
            bodies = [self._body(line) for line in batch]
            answers = self.patiently(lambda bodies=bodies: self.entrance.submit(bodies))  # type: ignore[misc]
            for line, answer in zip(batch, answers, strict=True):
                codes[line.name] = answer.code
                self._journal.taken(line.name)
        return [codes.get(line.name) for line in lines]

    def await_applied(self, lines: Sequence[Line]) -> None:
        """Return when all of it is applied. Raises SampleRefusedError."""
        waiting = list(lines)
        while waiting:
            still = []
            for line in waiting:
                state, code = self.patiently(lambda line=line: self.entrance.became(line.message_id))  # type: ignore[misc]
                if state in ("refused", "quarantined"):
                    raise SampleRefusedError(f"{line.name}: {code or state}")
                if state != "applied":
                    still.append(line)
            if still:
                self._wait(0.1)
            waiting = still

    def close(self) -> None:
        """Let go of the connections."""
        self.entrance.close()
        self.reading.close()

    def patiently(self, ask: Callable[[], Any]) -> Any:
        """Ask until the entrance is there and has room."""
        while True:
            try:
                return ask()
            except LaterError as later:
                self._wait(later.seconds)
            except OSError:
                self._wait(AWAY_FOR)

    def _body(self, line: Line) -> bytes:
        body = self._journal.body(line.name)
        if body is None:
            body = self._written(line)
            self._journal.write(line.name, body)
        return body

    def _written(self, line: Line) -> bytes:
        now = self._now()
        contract = contracts.CONTRACTS[line.type]
        data: dict[str, Any] = dict(line.data(now))
        if line.sealed_to is not None and line.clear is not None:
            data["sealed"] = sealing.seal(dict(line.clear), self._public_keys[line.sealed_to])
        subject = str(data[contract.about]) if contract.about else str(line.message_id)
        draft = contracts.Draft(contract.data.model_validate_json(to_json(data)), subject)
        return contracts.stamp(draft, source=self.id, time=now, id=line.message_id).to_json()

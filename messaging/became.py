"""What became of a batch of messages, gathered for the organisations whose they are (contracts/processed.py)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import contracts
from contracts.codes import ProcessedState
from messaging.identity import HUB


class _What(NamedTuple):
    """What became of a message, and of which type it is."""

    type: str
    state: ProcessedState
    code: str | None
    waiting_for: str | None
    until: datetime | None


class Became:
    """What became of each message; of one of which more is noted, the last counts, but no repeat."""

    def __init__(self) -> None:
        self._of: dict[str, dict[UUID, _What]] = defaultdict(dict)  # by organisation

    def note(
        self,
        message: contracts.Message,
        state: ProcessedState,
        code: str | None = None,
        waiting_for: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """Note what became of a message; of what the hub says for itself nobody asks."""
        if message.source == HUB:
            return
        noted, what = self._of[message.source], _What(message.type, state, code, waiting_for, until)
        if state is ProcessedState.REPEATED:  # of one that came twice in a batch, what became of it the first time
            noted.setdefault(message.id, what)
        else:
            noted[message.id] = what

    def forget(self, message: contracts.Message) -> None:
        """Take back what was noted: it has been said before."""
        self._of.get(message.source, {}).pop(message.id, None)

    def drafts(self, service: str) -> Iterator[contracts.Draft]:
        """Say it in the name of a service: one draft for each organisation, messages of one fate together."""
        for organisation, messages in self._of.items():
            groups: dict[_What, list[UUID]] = defaultdict(list)
            for message_id, what in messages.items():
                groups[what].append(message_id)
            if groups:
                data = contracts.MessagesProcessed(
                    organisation=organisation,
                    service=service,
                    groups=tuple(
                        contracts.ProcessedGroup(ids=tuple(ids), **what._asdict()) for what, ids in groups.items()
                    ),
                )
                yield contracts.Draft(data, subject=organisation, recipient=organisation)

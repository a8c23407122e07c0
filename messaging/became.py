"""What became of a batch of messages, gathered for the organisations whose they are (contracts/processed.py).

Each copy of a message is named once, so that the gateway knows how many of them are done with (messaging/credits.py).
"""

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
    """What became of each message; of one of which more is noted, the last counts, and each repeat besides."""

    def __init__(self) -> None:
        self._of: dict[str, dict[UUID, _What]] = defaultdict(dict)  # by organisation
        self._repeats: dict[str, list[tuple[_What, UUID]]] = defaultdict(list)

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
        what = _What(message.type, state, code, waiting_for, until)
        if state is ProcessedState.REPEATED:
            self._repeats[message.source].append((what, message.id))
        else:
            self._of[message.source][message.id] = what

    def forget(self, message: contracts.Message) -> None:
        """Take back what was noted: it has been said before."""
        self._of.get(message.source, {}).pop(message.id, None)

    def drafts(self, service: str) -> Iterator[contracts.Draft]:
        """Say it in the name of a service: one draft for each organisation, messages of one fate together."""
        for organisation in dict.fromkeys((*self._of, *self._repeats)):
            groups: dict[_What, list[UUID]] = defaultdict(list)
            for message_id, what in self._of.get(organisation, {}).items():
                groups[what].append(message_id)
            for what, message_id in self._repeats.get(organisation, ()):
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

"""Senders are asked for what the hub has lost and nobody of it has the bytes of: `messages.missed`, said by the hub.

No service of the hub says it, for none knows of it. It is published as `./ruta repair` puts messages back: by a user of
the broker that is there for as long as that lasts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final
from uuid import NAMESPACE_OID, uuid5

import amqp

import contracts
from deploy.local.beside import Beside
from deploy.local.operator_error import OperatorError
from deploy.local.repair import Place, PutBack, repairer
from deploy.local.state import State
from hub.monitor.reconciling.comparing import Lost
from messaging.broker import CONTENT_TYPE, BrokerLost
from messaging.identity import address_to
from messaging.topology import HUB, REPAIRER, DeclaredNetwork, TopologyError

OF_ONE: Final = 1_000  # ids that one message may have, by its contract


def ask(state: State, place: Beside, declared: DeclaredNetwork, lost: Iterable[Lost]) -> int:
    """Ask their senders for these; how many messages that is: of who takes part no longer, none. Raises OperatorError.

    The same ids are asked for in the same message: of who is asked again for them nothing new comes.
    """
    theirs = [one for one in lost if one.organisation in declared.organisations]
    if not theirs:
        return 0
    try:
        with (
            state.repairing(),
            repairer(place.management, state.password(REPAIRER), [HUB], puts_back=True),
            closing(PutBack(place.amqp_urls[REPAIRER][HUB])) as publisher,
        ):
            for message in messages(theirs):
                key = address_to(message.recipient or "", message)
                frame = {"content_type": CONTENT_TYPE, "delivery_mode": 2, "message_id": str(message.id)}
                if not publisher.publish(amqp.Message(message.to_json(), **frame), Place(HUB, key)):
                    raise OperatorError(f"The queue where {key} goes is full or missing: `./ruta repair`.")
    except TopologyError as error:
        raise OperatorError(f"{error}; run it again.") from None
    except BrokerLost as error:
        raise OperatorError(f"The broker does not answer ({type(error).__name__}): run it again.") from None
    return len(theirs)


def messages(lost: Iterable[Lost]) -> Iterator[contracts.Message]:
    """Make what their senders are sent; the same for the same, in whatever order they are given.

    Each is caused by the first that it asks for: so of what the log hides it hides this, too, and that is asked for by
    messages of its own.
    """
    grouped: dict[tuple[str, str, bool], list[Lost]] = defaultdict(list)
    for one in sorted(lost, key=lambda one: (one.at, one.message_id)):
        grouped[one.organisation, one.contract, one.confidential].append(one)
    for (organisation, contract, _), those in sorted(grouped.items()):
        for start in range(0, len(those), OF_ONE):
            some = those[start : start + OF_ONE]
            ids = tuple(dict.fromkeys(one.message_id for one in some))
            id = uuid5(NAMESPACE_OID, f"missed {organisation} {contract} {' '.join(map(str, ids))}")
            missed = contracts.MessagesMissed(type=contract, ids=ids, first_came_at=some[0].at)
            draft = contracts.Draft(missed, subject=str(id), recipient=organisation)
            asking = contracts.stamp(draft, source=HUB, time=datetime.now(UTC), id=id)
            yield asking.model_copy(update={"causationid": ids[0]})

"""Whole lives of referrals through the gateway: requested, received, accepted, scheduled, started, completed, closed.

The gateway, services/referrals and its relay run as they do in the network, on virtual hosts declared as the network's;
four organisations each send to the next one, and answer what they read (`bench/real/partners.py`). What the hub's other
services are told of each step waits in their queues: they do not run. The services and one consent for each life stand
in the hub before: they are put into the queue of referrals as intake would, not through the gateway.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from bench import batches, measure, requests
from bench.batches import Batch
from bench.contenders import OWN, of_the_hub
from bench.ground import Ground, environment
from bench.messages import Sent
from bench.processor import Used
from bench.real.partners import CAUSE, MESSAGE, REFERRAL, Life, Lived, Plan, Wish
from contracts.codes import Outcome, VisitMode
from deploy.local import OperatorError
from deploy.local.process import Process, Program, with_parent_death_signal
from messaging.topology import NETWORK_FILE

SERVICE: Final = of_the_hub("referrals", "lives")
ORGANISATIONS: Final = ("redcross", "iom", "americares", "fuvadis")
IN_FLIGHT: Final = 400  # referrals at a time
LEARNT_WITHIN: Final = 120  # seconds for the services and consents


@dataclass(frozen=True)
class Lives:
    """What some whole lives have shown."""

    lives_per_s: float
    lost: int
    """Lives that were not closed, steps that an organisation was not told, and steps that were refused."""
    repeated: int
    """Steps that an organisation was told twice, and referrals or steps that stand in the database twice."""
    used: Used  # microseconds of processor for one life
    batches: Sequence[Batch]


def measure_lives(ground: Ground, count: int, *, warm_up: int, in_flight: int = IN_FLIGHT) -> Lives:
    """See so many lives through, after some others; from the first request to the last closing that both have read."""
    lives = make(warm_up + count)
    with ground.fresh(SERVICE.service), ground.organisations(), measure.running(SERVICE, ground, 1) as processes:
        with gateway_of(ground) as gateway:
            _teach(ground, lives)
            processor = measure.processor(ground, [*processes, gateway])
            with partners_of(ground, lives, in_flight) as partners:
                _check(partners.see_through(warm_up), warm_up)
                before = processor.used()
                lived = partners.see_through(count)
                used = processor.used().since(before)
        steps = ground.number("select count(*) from history")
    _check(lived, at_least=1)
    return Lives(
        lives_per_s=lived.closed / (lived.ended - lived.began),
        lost=count - lived.closed + lived.missed + len(lived.refused),
        repeated=lived.repeated + max(0, steps - (warm_up + count) * len(STEPS)),
        used=used.each(lived.closed),
        batches=batches.read(SERVICE.batches_file(ground), lived.began, lived.ended),
    )


def _check(lived: Lived, at_least: int) -> None:
    """Raise OperatorError where so few were closed that nothing can be said of them."""
    if lived.closed < at_least:
        raise OperatorError(f"Of the lives {lived.closed} came to their end; refused were {sorted(set(lived.refused))}")


# -- what is said -----------------------------------------------------------------------------------------------------


def _answers(referral_id: UUID, now: datetime) -> list[Any]:
    """What follows the request, in order."""
    visit_at = now + timedelta(days=7)
    return [
        contracts.ReferralReceived(referral_id=referral_id),
        contracts.ReferralAccepted(referral_id=referral_id),
        contracts.ReferralScheduled(referral_id=referral_id, visit_at=visit_at, mode=VisitMode.AT_PROVIDER),
        contracts.ReferralServiceStarted(referral_id=referral_id),
        contracts.ReferralCompleted(referral_id=referral_id, outcome=Outcome.NEED_MET),
        contracts.ReferralClosed(referral_id=referral_id, outcome=Outcome.NEED_MET),
    ]


STEPS: Final = ("requested", "received", "accepted", "scheduled", "service_started", "completed", "closed")


def _patterns(organisation: str) -> dict[str, str]:
    """The answers as an organisation says them, by type, with the ids left open."""
    referral_id, message_id, cause_id = UUID(int=1), UUID(int=2), UUID(int=3)
    now = datetime.now(UTC)
    patterns = {}
    for data in _answers(referral_id, now):
        draft = contracts.Draft(data, subject=str(referral_id))
        message = contracts.stamp(draft, source=organisation, time=now, id=message_id)
        said = message.model_copy(update={"causationid": cause_id, "correlationid": None}).to_json().decode()
        for one, name in ((referral_id, REFERRAL), (message_id, MESSAGE), (cause_id, CAUSE)):
            said = said.replace(str(one), name)
        patterns[message.type] = said
    return patterns


def make(count: int) -> list[Life]:
    """Make so many different lives; the same ones on every call."""
    return [_life(number, one) for number, one in enumerate(requests.make(count))]


def _life(number: int, request: Sent) -> Life:
    """Make a request one from an organisation to the next, for the service of that one."""
    place = number % len(ORGANISATIONS)
    sender, recipient = ORGANISATIONS[place], ORGANISATIONS[(place + 1) % len(ORGANISATIONS)]
    message = contracts.parse(request.body)
    asked = message.data.model_copy(update={"recipient": recipient, "service_id": _service_of(recipient)})
    body = message.model_copy(update={"source": sender, "data": asked}).to_json()
    return Life(sender, str(asked.referral_id), request.message_id, body.decode())


def _service_of(organisation: str) -> UUID:
    return UUID(int=100 + ORGANISATIONS.index(organisation))


# -- who runs ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def gateway_of(ground: Ground) -> Iterator[Process]:
    """The gateway, while it runs."""
    addresses = {
        "GATEWAY_NETWORK_AMQP_URL": ground.organisations_url,
        "GATEWAY_HUB_AMQP_URL": ground.amqp_url,
        "RUTA_NETWORK_FILE": str(NETWORK_FILE),
    }
    gateway = Process(
        Program(
            name="gateway",
            command=[*OWN, "hub.gateway"],
            environment=environment(ground.database_url, ground.amqp_url) | addresses,
            log=ground.stack.state.logs / "bench-gateway.log",
        )
    )
    try:
        gateway.start()
        gateway.wait_ready()
        yield gateway
    finally:
        gateway.stop()


def _teach(ground: Ground, lives: Sequence[Life]) -> None:
    """Let referrals learn of the services, and of a consent for each life."""
    asked = [Sent(requests.TYPE, life.message_id, life.request.encode()) for life in lives]
    ground.fill([*map(requests.service_of, asked[: len(ORGANISATIONS)]), *map(requests.consent_of, asked)])
    deadline = time.monotonic() + LEARNT_WITHIN
    while ground.number("select count(*) from consent") < len(lives):
        if time.monotonic() > deadline:
            raise OperatorError(
                f"The consents were not recorded within {LEARNT_WITHIN} s; see {ground.stack.state.logs}"
            )
        time.sleep(0.1)


class Partners:
    """The organisations' process."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self._log = ground.stack.state.logs / "bench-partners.log"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                with_parent_death_signal([*OWN, "bench.real.partners"]),
                env=environment(ground.database_url, ground.amqp_url),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._tell(json.dumps(asdict(plan)))

    def see_through(self, count: int, rate: float | None = None) -> Lived:
        """Have so many lives lived, opened at a rate where one is given."""
        self._tell(json.dumps(asdict(Wish(count, rate))))
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        if not said:
            raise OperatorError(f"The organisations' process ended by itself; see {self._log}")
        return Lived(**json.loads(said))

    def _tell(self, line: str) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it answers then is nothing
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()

    def stop(self) -> None:
        self._child.kill()
        with contextlib.suppress(BrokenPipeError):
            self._child.communicate()


@contextlib.contextmanager
def partners_of(ground: Ground, lives: Sequence[Life], in_flight: int = IN_FLIGHT) -> Iterator[Partners]:
    """The organisations' process, which has these lives to live, while it runs."""
    patterns = {name: _patterns(name) for name in ORGANISATIONS}
    partners = Partners(ground, Plan(ground.organisations_url, ORGANISATIONS, in_flight, lives, patterns))
    try:
        yield partners
    finally:
        partners.stop()

"""Fair end to end: what a neighbour waits for while organisations flood, and what is left to who floods.

The whole network runs. Beside each other, by turns: the neighbour alone; the floods alone; both.
"""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg

import contracts
from bench import task, wire
from bench.contenders import OWN
from bench.ground import environment
from bench.http import flood
from bench.http.flood import MESSAGE, SOURCE, SUBJECT, Burst, Flooded
from bench.http.neighbours import RATE, Referring, Registering
from bench.latency import Latency
from bench.real.registrations import make_people, seal_all
from contracts import sealing
from contracts.codes import Urgency
from deploy.local import Network, OperatorError
from deploy.local.process import with_parent_death_signal
from messaging import topology

FLOODERS: Final = ("fuvadis", "oportunidades", "barranquilla")
SERVICES: Final = 12  # offered for what the searches ask for
ANSWERED_WITHIN: Final = 600.0  # seconds
QUIET: Final = 6.0  # seconds: what the management interface says is up to five seconds old
PROFILED: Final = "bench.profiled"  # a queue
GOALS: Final = {"times_alone": 2.0, "ms_above_alone": 100.0, "flooder_share": 0.4}
AIMS: Final = {"times_alone": 1.5, "flooder_share": 0.8}


@dataclass(frozen=True)
class Plan:
    """How long each turn takes, in seconds, and who floods with how many messages."""

    seconds: float
    turns: int
    sizes: Sequence[int]
    flooders: Sequence[int]
    people: int  # made for the floods of registrations


FULL: Final = Plan(seconds=60, turns=1, sizes=(8_000, 80_000), flooders=(1, 3), people=60_000)
QUICK: Final = Plan(seconds=15, turns=1, sizes=(8_000,), flooders=(1, 3), people=15_000)


@dataclass
class Case:
    """One kind of flood beside one kind of neighbour."""

    neighbour: str
    flooders: int
    each: int
    flooded: list[float]
    rate_alone: float = 0.0
    rate: float = 0.0
    lost: int = 0
    repeated: int = 0


def measure(network: Network, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all of it, by each entrance."""
    return {"amqp": _by(network, plan, "amqp", say)}


def _by(network: Network, plan: Plan, entrance: str, say: Callable[[str], None]) -> dict[str, Any]:
    parts = [
        _beside(network, plan, Referring(network, ANSWERED_WITHIN), _searches(), plan.flooders, plan.sizes, say),
        _beside(
            network,
            plan,
            Registering(network, ANSWERED_WITHIN),
            _registrations(network, plan),
            (1,),
            plan.sizes[:1],
            say,
        ),
    ]
    cases = [case for part in parts for case in part["cases"]]
    worst = max(cases, key=lambda case: case["flooded_p99_ms"] / case["alone_p99_ms"])
    return {
        "alone_p99_ms": worst["alone_p99_ms"],
        "flooded_p99_ms": worst["flooded_p99_ms"],
        "flooder_share": min(case["flooder_share"] for case in cases),
        "cases": cases,
    }


def _beside(
    network: Network,
    plan: Plan,
    neighbour: Referring | Registering,
    messages: tuple[str, Sequence[str]],
    flooders: Sequence[int],
    sizes: Sequence[int],
    say: Callable[[str], None],
) -> dict[str, Any]:
    alone: list[float] = []
    cases = [Case(neighbour.NAME, count, each, []) for each in sizes for count in flooders]
    lives = int(plan.seconds * RATE) + 2
    try:
        neighbour.begin()
        _offer(network)
        neighbour.come_to_rest()
        neighbour.at_rate(20, 5, _prepared(neighbour, 102))  # what is made on first use is not measured
        with _flooding(network, neighbour.NAME, *messages) as floods:
            floods.flood(Burst(FLOODERS, 200, 3))
            for _ in range(plan.turns):
                for case in cases:
                    burst = Burst(FLOODERS[: case.flooders], case.each, plan.seconds)
                    alone += neighbour.at_rate(RATE, plan.seconds, _prepared(neighbour, lives))
                    flooded = floods.flood(burst)
                    case.rate_alone = flooded.in_time / flooded.seconds
                    speak = partial(neighbour.at_rate, RATE, plan.seconds, _prepared(neighbour, lives))
                    took, flooded = floods.flood_beside(burst, speak)
                    case.flooded += took
                    case.rate = flooded.in_time / flooded.seconds
                    case.lost, case.repeated = flooded.sent - flooded.answered, flooded.repeated
                    say(
                        f"fairness {case.neighbour:<10} {case.flooders} x {case.each:,}: "
                        f"{time.strftime('%H:%M:%S')} {Latency.of(took)} alone {Latency.of(alone)} "
                        f"{case.rate:.0f}/s of {case.rate_alone:.0f}/s"
                    )
    finally:
        neighbour.close()
    p99 = Latency.of(alone).p99_ms
    return {
        "cases": [
            {
                "neighbour": case.neighbour,
                "flooders": case.flooders,
                "each": case.each,
                "alone_p99_ms": p99,
                "flooded_p99_ms": Latency.of(case.flooded).p99_ms,
                "flooder_share": round(case.rate / case.rate_alone, 2),
                "flooder_per_s": round(case.rate, 1),
                "flooder_alone_per_s": round(case.rate_alone, 1),
                "lost": case.lost,
                "repeated": case.repeated,
            }
            for case in cases
        ]
    }


def _prepared(neighbour: Referring | Registering, count: int) -> Iterator[Any]:
    lives = neighbour.prepare(count)
    neighbour.come_to_rest()
    return lives


def _offer(network: Network) -> None:
    """Let there be services to be found."""
    with contextlib.closing(
        wire.Publisher(network.stack.amqp_url("iom", topology.NETWORK), topology.submit_exchange("iom"), user_id="iom")
    ) as publisher:
        for number in range(SERVICES):
            offered = contracts.ServicePublished(
                service_id=UUID(int=1_000 + number),
                name=f"Consulta {number}",
                need_codes=("health.maternal",),
                active=True,
                zones=("08001",),
            )
            draft = contracts.Draft(offered, subject=str(offered.service_id))
            message = contracts.stamp(draft, source="iom", time=datetime.now(UTC))
            publisher.send([(f"iom.{message.type}", str(message.id), message.to_json())])
        publisher.wait_for_confirms(publisher.sent)


# -- what the floods say ----------------------------------------------------------------------------------------------


def _searches() -> tuple[str, list[str]]:
    """Questions who could meet a need: each is one message in and one out, and nothing is kept of it."""
    search = UUID(int=9)
    data = contracts.ServicesSought(
        search_id=search, need_code="health.maternal", urgency=Urgency.NORMAL, zone="08001", age=24
    )
    return _pattern(contracts.Draft(data, subject=str(search)), search)


def _registrations(network: Network, plan: Plan) -> tuple[str, list[str]]:
    """Registrations of different people."""
    home = network.stack.state.organisations / "hub"
    key = sealing.public_part(sealing.load_key(home / "private.jwk"))
    patterns = []
    for sent in seal_all(make_people(plan.people), key):
        message = contracts.parse(sent.body)
        kind, (pattern,) = _pattern(contracts.Draft(message.data, subject=message.subject), message.data.person_id)
        patterns.append(pattern)
    return kind, patterns


def _pattern(draft: contracts.Draft, subject: UUID) -> tuple[str, list[str]]:
    message_id = UUID(int=8)
    message = contracts.stamp(draft, source="redcross", time=datetime.now(UTC), id=message_id)
    said = message.to_json().decode()
    for one, name in ((str(message_id), MESSAGE), (str(subject), SUBJECT), ("redcross", SOURCE)):
        said = said.replace(one, name)
    return message.type, [said]


# -- who floods -------------------------------------------------------------------------------------------------------


class Floods:
    """The process of those that flood."""

    def __init__(self, network: Network, plan: flood.Plan) -> None:
        self._stack = network.stack
        self._log = network.stack.state.logs / "bench-flood.log"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                with_parent_death_signal([*OWN, "bench.http.flood"]),
                env=environment("", ""),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._tell(json.dumps(asdict(plan)))

    def flood(self, burst: Burst) -> Flooded:
        """Flood alone, and let what is left be worked off, or taken back."""
        self._tell(json.dumps(asdict(burst)))
        return self._hear_out(self._heard())

    def flood_beside(self, burst: Burst, speak: Callable[[], list[float]]) -> tuple[list[float], Flooded]:
        """Flood while somebody speaks."""
        self._tell(json.dumps(asdict(burst)))
        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(self._heard)
            took = speak()
            flooded = heard.result()
        return took, self._hear_out(flooded)

    def _hear_out(self, flooded: Flooded) -> Flooded:
        taken_back = sum(_purge(self._stack, f"submit.{name}") for name in FLOODERS)
        self._come_to_rest()
        _until_compared(self._stack)
        self._tell("")
        heard = self._heard()
        heard.sent -= taken_back
        return heard

    def _come_to_rest(self) -> None:
        """Return when no queue but inboxes has anything in it, nor had for a while."""
        management, quiet_since = self._stack.management, time.monotonic()
        deadline = quiet_since + ANSWERED_WITHIN
        while time.monotonic() - quiet_since < QUIET:
            queues = [*management.queues(topology.HUB), *management.queues(topology.NETWORK)]
            left = [one["name"] for one in queues if one.get("messages") and not one["name"].startswith("inbox.")]
            if left:
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                raise OperatorError(f"The network did not come to rest: {', '.join(left)}")
            time.sleep(0.2)

    def _heard(self) -> Flooded:
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        if not said:
            raise OperatorError(f"The process that floods ended by itself; see {self._log}")
        return Flooded(**json.loads(said))

    def _tell(self, line: str) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(line + "\n")
            self._child.stdin.flush()

    def stop(self) -> None:
        self._child.kill()
        with contextlib.suppress(BrokenPipeError):
            self._child.communicate()


@contextlib.contextmanager
def _flooding(network: Network, neighbour: str, kind: str, patterns: Sequence[str]) -> Iterator[Floods]:
    stack = network.stack
    urls = {name: stack.amqp_url(name, topology.NETWORK) for name in FLOODERS}
    answers = {f"inbox.{name}": url for name, url in urls.items()}
    with _observing(network, profiled=neighbour == Registering.NAME):
        if neighbour == Registering.NAME:
            answers = {PROFILED: stack.amqp_url(task.VHOST, topology.HUB)}
        floods = Floods(network, flood.Plan(urls, kind, patterns, answers))
        try:
            yield floods
        finally:
            floods.stop()


@contextlib.contextmanager
def _observing(network: Network, *, profiled: bool) -> Iterator[None]:
    """A user who may take back what stands in the queues, and a queue that shows which registrations are applied."""
    stack, management = network.stack, network.stack.management
    management.put(f"users/{task.VHOST}", {"password": stack.state.password(task.VHOST), "tags": ""})
    for vhost in (topology.NETWORK, topology.HUB):
        management.put(f"permissions/{vhost}/{task.VHOST}", {"configure": "", "write": "", "read": ".*"})
    if profiled:
        management.put(f"queues/{topology.HUB}/{PROFILED}", {"durable": True, "arguments": {}})
        management.post(f"bindings/{topology.HUB}/e/hub/q/{PROFILED}", {"routing_key": "person.profiled.*"})
    try:
        yield
    finally:
        if profiled:
            management.delete(f"queues/{topology.HUB}/{PROFILED}")
        management.delete(f"users/{task.VHOST}")


def _purge(stack: Any, queue: str) -> int:
    connection = wire.connect(stack.amqp_url(task.VHOST, topology.NETWORK))
    try:
        return int(connection.channel().queue_purge(queue))
    finally:
        connection.close()


def _until_compared(stack: Any) -> None:
    """Return when intake has compared everybody."""
    deadline = time.monotonic() + ANSWERED_WITHIN
    with psycopg.connect(stack.service_database_url("intake"), autocommit=True) as connection:
        while connection.execute("select exists (select from match_waiting)").fetchone() != (False,):
            if time.monotonic() > deadline:
                raise OperatorError("Intake has not compared everybody")
            time.sleep(0.2)


def lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    for entrance, said in figures.items():
        for case in said["cases"]:
            yield (
                f"fairness {entrance:<5}{case['neighbour']:<10} {case['flooders']} x {case['each']:<7,}"
                f" alone {case['alone_p99_ms']:8.1f} ms  flooded {case['flooded_p99_ms']:8.1f} ms"
                f"  flooder {case['flooder_per_s']:6.0f}/s, {case['flooder_share']:.2f} of alone"
            )

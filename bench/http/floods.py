"""What floods say, and the handle of the process that says it (bench/http/flood.py)."""

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import psycopg

import contracts
from bench import task, wire
from bench.contenders import OWN
from bench.ground import environment
from bench.http import flood
from bench.http.flood import MESSAGE, SOURCE, SUBJECT, Burst, Flooded
from bench.http.submitting import credentials
from bench.real.registrations import make_people, seal_all
from contracts import sealing
from contracts.codes import Urgency
from deploy.local import Network, OperatorError, Stack
from deploy.local.organisations import network_of
from deploy.local.process import with_parent_death_signal
from messaging import topology

ORGANISATIONS: Final = ("fuvadis", "oportunidades", "barranquilla")
NEED: Final = "health.maternal"
SERVICES: Final = 12  # offered for what the searches ask for
OFFERS: Final = "iom"
COMPARED_WITHIN: Final = 600.0  # seconds
PROFILED: Final = "bench.profiled"  # a queue


@dataclass(frozen=True)
class Kind:
    """Messages as JSON with ids and source to be filled in, and whether their senders are answered."""

    type: str
    patterns: Sequence[str]
    answered: bool


def searches() -> Kind:
    """Questions who could meet a need: each is one message in and one out, and nothing is kept of it."""
    search = UUID(int=9)
    data = contracts.ServicesSought(search_id=search, need_code=NEED, urgency=Urgency.NORMAL, zone="08001", age=24)
    draft = contracts.Draft(data, subject=str(search))
    return Kind(contracts.stamp(draft, source=OFFERS, time=datetime.now(UTC)).type, [_pattern(draft, search)], True)


def registrations(stack: Stack, people: int) -> Kind:
    """Registrations of so many different people."""
    key = sealing.public_part(sealing.load_key(stack.state.organisations / "hub" / "private.jwk"))
    said = [contracts.parse(sent.body) for sent in seal_all(make_people(people), key)]
    patterns = [_pattern(contracts.Draft(one.data, subject=one.subject), one.data.person_id) for one in said]
    return Kind(said[0].type, patterns, False)


def _pattern(draft: contracts.Draft, subject: UUID) -> str:
    message_id = UUID(int=8)
    said = contracts.stamp(draft, source=OFFERS, time=datetime.now(UTC), id=message_id).to_json().decode()
    for one, name in ((str(message_id), MESSAGE), (str(subject), SUBJECT), (f'"{OFFERS}"', f'"{SOURCE}"')):
        said = said.replace(one, name)
    return said


def offer_services(stack: Stack) -> None:
    """Let there be services to be found."""
    with contextlib.closing(wire.submitting(stack.amqp_url(OFFERS, topology.NETWORK), OFFERS)) as publisher:
        for number in range(SERVICES):
            offered = contracts.ServicePublished(
                service_id=UUID(int=1_000 + number),
                name=f"Consulta {number}",
                need_codes=(NEED,),
                active=True,
                zones=("08001",),
            )
            draft = contracts.Draft(offered, subject=str(offered.service_id))
            message = contracts.stamp(draft, source=OFFERS, time=datetime.now(UTC))
            publisher.send([(f"{OFFERS}.{message.type}", str(message.id), message.to_json())])
        publisher.wait_for_confirms(publisher.sent)


class Floods:
    """The process of those that flood."""

    def __init__(self, network: Network, plan: flood.Plan) -> None:
        self._stack = network.stack
        self._log = network.stack.state.logs / "bench-flood.log"
        organisations = network_of(network.stack.state).organisations
        self._queues = (
            [(topology.HUB, topology.submitted_queue(name, None)) for name in plan.urls]
            if plan.keys
            else [(topology.NETWORK, organisations[name].submits[0]) for name in plan.urls]
        )
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
        """Flood alone; what has not come in when the time is over is taken back, and the rest worked off."""
        self._tell(json.dumps(asdict(burst)))
        return self._hear_out(self._heard())

    def flood_beside(self, burst: Burst, speak: Callable[[], list[float]]) -> tuple[list[float], Flooded]:
        """Flood while somebody speaks, who returns the seconds that their answers took."""
        self._tell(json.dumps(asdict(burst)))
        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(self._heard)
            took = speak()
            flooded = heard.result()
        return took, self._hear_out(flooded)

    def _hear_out(self, flooded: Flooded) -> Flooded:
        taken_back = sum(_purge(self._stack, vhost, queue) for vhost, queue in self._queues)
        self._tell(str(taken_back))
        heard = self._heard()
        _until_compared(self._stack)
        heard.taken_back, heard.in_time, heard.seconds = taken_back, flooded.in_time, flooded.seconds
        return heard

    def _heard(self) -> Flooded:
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        if not said:
            raise OperatorError(f"The process that floods ended by itself; see {self._log}")
        return Flooded(**json.loads(said))

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
def flooding(network: Network, kind: Kind, entrance: str) -> Iterator[Floods]:
    """Organisations that are ready to flood, by `amqp` or `http`."""
    stack = network.stack
    urls = {name: stack.amqp_url(name, topology.NETWORK) for name in ORGANISATIONS}
    organisations = network_of(stack.state).organisations
    answers = {organisations[name].inbox(): url for name, url in urls.items()}
    handed = {name: credentials(stack.state.organisations, name) for name in ORGANISATIONS if entrance == "http"}
    if handed:
        urls = {name: url for name, (url, _) in handed.items()}
    with _observing(network, profiled=not kind.answered):
        if not kind.answered:
            answers = {PROFILED: stack.amqp_url(task.VHOST, topology.HUB)}
        keys = {name: key for name, (_, key) in handed.items()}
        floods = Floods(network, flood.Plan(urls, keys, kind.type, kind.patterns, answers))
        try:
            yield floods
        finally:
            floods.stop()


@contextlib.contextmanager
def _observing(network: Network, *, profiled: bool) -> Iterator[None]:
    """A user who may take back what stands in the queues, and a queue that shows which registrations are applied."""
    stack, management = network.stack, network.stack.management
    queue = f"queues/{topology.HUB}/{PROFILED}"
    management.put(f"users/{task.VHOST}", {"password": stack.state.password(task.VHOST), "tags": ""})
    for vhost in (topology.NETWORK, topology.HUB):
        management.put(f"permissions/{vhost}/{task.VHOST}", {"configure": "", "write": "", "read": ".*"})
    if profiled:
        management.put(queue, {"durable": True, "arguments": {}})
        management.post(f"bindings/{topology.HUB}/e/hub/q/{PROFILED}", {"routing_key": "person.profiled.*"})
    try:
        yield
    finally:
        if profiled:
            management.delete(queue)
        management.delete(f"users/{task.VHOST}")


def _purge(stack: Stack, vhost: str, queue: str) -> int:
    connection = wire.connect(stack.amqp_url(task.VHOST, vhost))
    try:
        return int(connection.channel().queue_purge(queue))
    finally:
        connection.close()


def _until_compared(stack: Stack) -> None:
    """Return when intake has compared everybody."""
    deadline = time.monotonic() + COMPARED_WITHIN
    with psycopg.connect(stack.service_database_url("intake"), autocommit=True) as connection:
        while connection.execute("select exists (select from match_waiting)").fetchone() != (False,):
            if time.monotonic() > deadline:
                raise OperatorError("Intake has not compared everybody")
            time.sleep(0.2)

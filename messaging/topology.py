"""The declared network (`deploy/network.toml`) as RabbitMQ definitions, and the check that a broker agrees with it.

Queues carry no arguments but their type and who may read them: what may wait is a policy, so that a limit changed in
the file is a limit changed in the running broker.
"""

import base64
import fnmatch
import hashlib
import http.client
import json
import logging
import re
import secrets
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.codes import OrganisationStatus, Power
from messaging import addresses, surface
from messaging.addresses import Host

NETWORK_FILE = Path(__file__).parent.parent / "deploy" / "network.toml"

NETWORK, HUB = "network", "hub"  # the two virtual hosts
GATEWAY = "gateway"  # the one user with a foot in both
GATEWAY_HTTP = "gateway-http"  # who takes in what organisations submit by HTTP
COURIER = "courier"  # who keeps what organisations read by HTTP
CONSOLE = "console"  # whose database has staff, and what they see
CONSOLE_WEB = "console-web"  # who serves its pages
LEDGER = "ledger"  # the queue that it reads
MONITOR = "monitor"  # who logs what passes the hub
LOG = "log"  # the queue that it reads
ROUTES = "routes"  # the exchange that takes what is published to `hub` on to the queues
PROCESSED = "messages.processed"  # the contract by which services say what became of messages
NO_SYSTEM = "-"  # in a routing key, in place of the system that submits
REPAIRER = "ruta-repair"  # the user that is there only while `./ruta repair` works
NOTHING = "^$"
NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")  # of an organisation or a service: it becomes part of patterns and keys
# Names that are already somebody's: the hub itself, a user of the servers, a queue.
TAKEN = frozenset(
    {
        "hub",
        "to",
        GATEWAY,
        GATEWAY_HTTP,
        COURIER,
        LEDGER,
        MONITOR,
        LOG,
        REPAIRER,
        "administrator",
        "guest",
        "postgres",
        "dead",
        "unrouted",
    }
)
# What the network file may say of one.
OF_ORGANISATIONS = frozenset({"name", "roles", "may_send", "refers_to", "systems", "amqp", "limits"})
# And of one of an organisation's systems.
OF_SYSTEMS = frozenset({"reads", "sends", "copies", "amqp", "runs"})
# What an organisation may have more or less of than the others: of the broker, and of the entrance by HTTP (where each
# is of a key: gateway/http/limits.py).
OWN_LIMITS = frozenset({"connections", "channels", "rate", "burst", "requests_at_once", "streams_at_once"})
ENVIRONMENTS = ("live", "test")
ANYBODY = ("*",)  # whom an organisation may refer people to unless somebody says otherwise
OF_ROLES = frozenset({"may_send", "may"})
ANSWER_WITHIN = 30  # seconds for the broker's management interface, each of its hosts
# The routing keys of what is logged: types, what is for organisations, and what became of messages. What was accepted
# by HTTP, and still stands in its sender's queue (`submitted.…`), is logged when it goes on from there.
LOGGED = ("*.*.*", "to.#", f"{PROCESSED}.#")
COPIES = 3  # of a queue on a cluster of so many nodes or more: one of them may be lost

log = logging.getLogger("ruta.topology")


class TopologyError(Exception):
    """The network file or the broker is not as it must be; the text says what is wrong in one sentence."""


class _NoAnswerError(TopologyError):
    """One host of the broker's management interface is away; another may answer."""


@dataclass(frozen=True)
class System:
    """One of an organisation's systems, with an inbox of its own for the contracts that it reads."""

    organisation: str
    name: str
    reads: tuple[str, ...]  # contract names without version, as below
    sends: tuple[str, ...]  # the contracts whose refusals come to it
    runs: str | None = None  # the service of ours that it is a copy of, which the organisation runs itself
    publishes: tuple[str, ...] = ()  # of a copy: what only services say, and this one does
    copies: tuple[str, ...] = ()  # the contracts that come to it beside where they go anyway
    amqp: bool = True  # whether it has a queue, where its organisation has any; by HTTP it reads in any case

    @property
    def address(self) -> str:
        """The routing key by which the exchange `inbox` reaches it, and nothing else."""
        return f"{self.organisation}.{self.name}"


@dataclass(frozen=True)
class Organisation:
    """Who takes part, and what it may send."""

    id: str
    name: str
    may_send: tuple[str, ...]  # contract names without version, `referral.accepted` or `referral.*`
    powers: frozenset[Power] = frozenset()
    systems: tuple[System, ...] = ()
    status: OrganisationStatus = OrganisationStatus.ACTIVE
    refers_to: tuple[str, ...] = ANYBODY
    """Whom it may refer people to: organisations, by patterns as in `may_send`."""
    amqp: bool = True
    """Whether it may come in by AMQP, and has queues for that; by HTTP everybody may."""
    suffixes: tuple[str, ...] = ("",)
    """What the names of its queues end with, the newest first: who guesses no name sees nothing of a queue, for the
    broker tells everybody who names one how much is in it. With an earlier one, what was sent there is still read."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """By name (OWN_LIMITS), what is not as for everybody."""

    @property
    def submits(self) -> tuple[str, ...]:
        """The queues of what it submits by AMQP."""
        return tuple(_named("submit", self.id, suffix) for suffix in self.suffixes) if self.amqp else ()

    @property
    def delivers(self) -> tuple[str, ...]:
        """The queues, in the hub, of what is for it: one for all, and one for each system that has copies by AMQP.

        Each is a way of its own: where a system does not read its copies, nothing else waits for it.
        """
        if not self.amqp:
            return ()  # what is for it, it has of the courier
        copying = (system.name for system in self.systems if system.copies and system.amqp)
        return (f"deliver.{self.id}", *(f"deliver.{self.id}.{name}" for name in copying))

    @property
    def by_http_alone(self) -> frozenset[str]:
        """The addresses of its systems that have no queue."""
        return frozenset(system.address for system in self.systems if not system.amqp)

    def inbox(self, system: str | None = None, suffix: str | None = None) -> str:
        """The queue of what is for one of its systems, or for none in particular; the newest, or that of a suffix."""
        return _named("inbox", self.id, system, self.suffixes[0] if suffix is None else suffix)

    def sends(self, contract_name: str) -> bool:
        """Whether this organisation may send contracts of this name (no version in it)."""
        return _names(self.may_send, contract_name)

    def may_refer_to(self, organisation: str) -> bool:
        """Whether this organisation may refer people to another."""
        return _names(self.refers_to, organisation)

    def address(
        self, contract_name: str, *, notice: bool, refusal_of: str | None = None, asked_by: str | None = None
    ) -> str:
        """Where the exchange `inbox` takes a contract of this name: to the system that reads it, or the common queue.

        What is for whoever asked goes to the system that it was `asked_by`, where the organisation has it and it is not
        a service of ours. A refusal goes to the system that sends what is refused. A `notice` to the organisation,
        every service of ours that it runs and that reads it gets, beside the common queue: its staff have to know, and
        to answer what the service leaves to them.
        """
        for system in self.systems:
            if system.name == asked_by and not system.runs:
                return system.address
        for system in self.systems:
            if _names(system.reads, contract_name) or (refusal_of and _names(system.sends, refusal_of)):
                return notice_key(self.id, contract_name) if notice and system.runs else system.address
        return self.id

    def copied_to(self, contract_name: str, *, asked_by: str | None = None) -> list[System]:
        """The systems that a contract of this name comes to beside where it goes: what they copy, or have asked for."""
        return [
            system
            for system in self.systems
            if system.copies and (system.name == asked_by or _names(system.copies, contract_name))
        ]

    def handles_itself(self, contract_name: str) -> bool:
        """Whether a service that the organisation runs itself reads contracts of this name."""
        return any(one.runs and _names(one.reads, contract_name) for one in self.systems)

    def says_itself(self, contract_name: str) -> bool:
        """Whether a service that the organisation runs itself publishes contracts of this name."""
        return any(contract_name in one.publishes for one in self.systems)


def _named(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def owner_of(queue: str) -> str:
    """The organisation whose queue it is: of `submit.<organisation>`, `submitted.<organisation>.<system>` and so on."""
    return queue.split(".")[1]


def copies_for(queue: str) -> str | None:
    """The system whose copies come by a queue: of `deliver.<organisation>.<system>`."""
    return queue.split(".")[2] if queue.startswith("deliver.") and queue.count(".") > 1 else None


def notice_key(organisation: str, contract_name: str) -> str:
    """The routing key of what an organisation is told and services of ours that it runs read, too."""
    return f"{organisation}.told.{contract_name}"


def _names(patterns: Iterable[str], contract_name: str) -> bool:
    return any(fnmatch.fnmatchcase(contract_name, pattern) for pattern in patterns)


@dataclass(frozen=True)
class Service:
    """A service of the hub, and the contracts its queue receives, by name without version."""

    name: str
    reads: tuple[str, ...]
    parallel: bool = False  # several of its processes read at once, in whatever order
    package: str = ""  # where its code is, such as `services.referrals`
    publishes: tuple[str, ...] = ()  # what only services say, where an organisation may run a copy of it
    processes: int = 1  # how many `./ruta up` runs: with more than one, another takes over

    @property
    def queue(self) -> str:
        return self.name

    @property
    def process_names(self) -> tuple[str, ...]:
        return (self.name, *(f"{self.name}-{number}" for number in range(2, self.processes + 1)))


def reads(service: Service, address: str) -> bool:
    """Whether what is published to the exchange `hub` with this routing key comes to a service."""
    return address.rpartition(".")[0] in service.reads


@dataclass(frozen=True)
class Limits:
    """What may wait in a queue: messages, bytes, and how often one message is delivered before it is dead-lettered."""

    messages: int
    bytes: int
    deliveries: int | None = None


@dataclass(frozen=True)
class DeclaredNetwork:
    """All that the network file says."""

    organisations: Mapping[str, Organisation]
    services: Mapping[str, Service]
    limits: Mapping[str, Limits]  # by kind of queue: submit, inbox, service
    connections: int  # of one organisation
    channels: int
    roles: Mapping[str, Any]
    seeds: Mapping[str, Mapping[str, Any]]  # what the file says of organisations, which is taken over once
    removed: frozenset[str] = frozenset()  # organisations that took part; what was for them is still kept
    environment: str = ENVIRONMENTS[0]  # with `test`, a key that it hands out opens no live network, and none here

    @property
    def users(self) -> tuple[str, ...]:
        """Every broker user that the network needs, each with a password of its own."""
        by_amqp = (one.id for one in self.organisations.values() if one.amqp)
        return (*by_amqp, *self.services, GATEWAY, GATEWAY_HTTP, COURIER, MONITOR)


def read(path: Path = NETWORK_FILE) -> DeclaredNetwork:
    """The declared network; raises TopologyError when the file cannot be read or lacks something."""
    try:
        declared = tomllib.loads(path.read_text())
        limits = dict(declared["limits"])
        connections = limits.pop("connections")
        services = {name: _service(name, said) for name, said in declared["services"].items()}
        network = DeclaredNetwork(
            organisations={
                id: _organisation(id, said, declared["roles"], services)
                for id, said in declared["organisations"].items()
            },
            services=services,
            limits={kind: Limits(**limits[kind]) for kind in ("submit", "inbox", "service")},
            connections=connections["connections"],
            channels=connections["channels"],
            roles=declared["roles"],
            seeds=declared["organisations"],
            environment=_environment(declared),
        )
    except OSError as error:
        raise TopologyError(f"cannot read the network file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, surface.NoServiceError) as error:
        raise TopologyError(f"the network file {path} is not as it should be: {error}") from error
    systems = [system.name for organisation in network.organisations.values() for system in organisation.systems]
    try:
        for name in (*network.organisations, *network.services, *systems):
            check_name(name)
        for name in network.organisations:
            check_not_taken(name, network.services)
        for name in network.services:
            check_not_taken(name)
    except TopologyError as error:
        raise TopologyError(f"the network file {path}: {error}") from None
    return network


def _environment(declared: Mapping[str, Any]) -> str:
    said = declared.get("environment", ENVIRONMENTS[0])
    if said not in ENVIRONMENTS:
        raise TypeError(f"environment is none of {', '.join(ENVIRONMENTS)}")
    return str(said)


def check_name(name: str) -> None:
    """Raise TopologyError where nobody can be called so: a name becomes part of patterns and keys."""
    if not NAME.fullmatch(name):
        raise TopologyError(f"{name!r} is no name: that is 2 to 40 of a-z, 0-9 and -, and begins with a letter")


def check_not_taken(name: str, services: Iterable[str] = ()) -> None:
    """Raise TopologyError where a name is already somebody's: of the hub, its servers, or one of these services."""
    if name in TAKEN or name in services:
        raise TopologyError(f"name_reserved: {name!r} is taken: it is a name of the hub's own")


def _service(name: str, said: Mapping[str, Any]) -> Service:
    """Read one service; what it reads, and what only services say of what it says, stands in its code."""
    package = said.get("package", f"services.{name}")
    ours = surface.is_service(package)
    if stated := [key for key in ("reads", "publishes") if ours and key in said]:
        raise TypeError(f"`{stated[0]}` of {name} stands in its code: strike it from this file")
    return Service(
        name,
        surface.handles(package) if ours or "reads" not in said else tuple(said["reads"]),
        said.get("parallel", False),
        package,
        surface.says_as_a_service(package) if said.get("run_by_organisations", False) else (),
        _processes(name, said),
    )


def _processes(service: str, said: Mapping[str, Any]) -> int:
    """How many processes of a service are to run."""
    many = said.get("processes", 1)
    if type(many) is not int or many < 1:
        raise TypeError(f"processes of {service} is not a whole number from 1 on")
    return many


def read_organisation(
    id: str,
    said: Mapping[str, Any],
    network: DeclaredNetwork,
    status: OrganisationStatus = OrganisationStatus.ACTIVE,
    suffixes: Sequence[str] = ("",),
) -> Organisation:
    """Read what is said of an organisation as in the network file. Raises KeyError, TypeError, AttributeError."""
    return replace(_organisation(id, said, network.roles, network.services), status=status, suffixes=tuple(suffixes))


def _organisation(
    id: str, said: Mapping[str, Any], roles: Mapping[str, Any], services: Mapping[str, Service]
) -> Organisation:
    """Read one organisation: it may send and do what its roles allow, and send what is said of it alone."""
    _check_known(f"organisations.{id}", said, OF_ORGANISATIONS)
    for role in (theirs := said.get("roles", [])):
        _check_known(f"roles.{role}", roles[role], OF_ROLES)
    patterns = (pattern for role in theirs for pattern in roles[role].get("may_send", []))
    # A system that reads all reads what no other does, in whatever order they are said.
    systems = sorted(
        (_system(id, name, of, services) for name, of in said.get("systems", {}).items()),
        key=lambda system: "*" in system.reads,
    )
    by_amqp = said.get("amqp", True)
    if type(by_amqp) is not bool:
        raise TypeError(f"amqp of {id} is neither true nor false")
    if not by_amqp and any(system.runs for system in systems):
        raise TypeError(f"{id} runs a service itself, which reads by AMQP")
    return Organisation(
        id,
        said["name"],
        (*patterns, *said.get("may_send", [])),
        frozenset(_power(role, power) for role in theirs for power in roles[role].get("may", [])),
        tuple(systems),
        refers_to=tuple(said.get("refers_to", ANYBODY)),
        amqp=by_amqp,
        limits=_own_limits(id, said.get("limits", {})),
    )


def _own_limits(id: str, said: Mapping[str, Any]) -> Mapping[str, int]:
    _check_known(f"organisations.{id}.limits", said, OWN_LIMITS)
    for name, limit in said.items():
        if type(limit) is not int or not 0 < limit < 2**31:
            raise TypeError(f"the limit {name} of {id} is not a whole number from 1 on")
    return dict(said)


def _check_known(table: str, said: Mapping[str, Any], known: Set[str]) -> None:
    """Refuse what nobody reads: who writes it believes that it holds."""
    if unknown := sorted(said.keys() - known):
        raise TypeError(f"`{unknown[0]}` of [{table}] means nothing here")


def _power(role: str, power: Any) -> Power:
    may = [one for one in Power if one is not Power.USES_SCREENS]
    if power not in may:
        raise TypeError(f"the role {role} names {power!r}, which is nothing that anybody may do: {', '.join(may)}")
    return Power(power)


def _system(organisation: str, name: str, said: Mapping[str, Any], services: Mapping[str, Service]) -> System:
    """Read one system; what a copy of a service of ours reads and publishes is known of the service."""
    runs = said.get("runs")
    copies, by_amqp = tuple(said.get("copies", [])), said.get("amqp", True)
    if type(by_amqp) is not bool:
        raise TypeError(f"amqp of {organisation}'s {name} is neither true nor false")
    if runs is None:
        reads = said.get("reads", []) if copies else said["reads"]
        return System(organisation, name, tuple(reads), tuple(said.get("sends", [])), copies=copies, amqp=by_amqp)
    if copies or not by_amqp:
        raise TypeError(f"{organisation}'s {name} runs {runs}, which reads what it handles, by AMQP")
    if not services[runs].publishes:
        raise TypeError(f"{runs} is not a service that an organisation can run: what it says is for the hub to say")
    return System(organisation, name, services[runs].reads, (), runs, services[runs].publishes)


def submit_exchange(organisation: str) -> str:
    """The exchange that an organisation publishes to, and nobody else."""
    return f"submit.{organisation}"


def submitted_queue(organisation: str, system: str | None) -> str:
    """The queue, in the hub, of what a system of an organisation (None: none in particular) submits by HTTP."""
    return f"submitted.{organisation}.{system}" if system else f"submitted.{organisation}"


def submitted_key(organisation: str, system: str | None, address: str) -> str:
    """The routing key of what was admitted by HTTP: whose it is, and the routing key by which it goes on."""
    return f"submitted.{organisation}.{system or NO_SYSTEM}.{address}"


def processed_key(organisation: str) -> str:
    """The pattern of routing keys by which services say what became of an organisation's messages."""
    return f"{PROCESSED}.*.{organisation}"


def submitting_systems(organisation: Organisation) -> tuple[str | None, ...]:
    """By whom an organisation submits: no system in particular, and each that is not a copy of a service of ours."""
    return (None, *(system.name for system in organisation.systems if not system.runs))


def definitions(
    network: DeclaredNetwork, passwords: Mapping[str, str], *, broker_version: str = "3.10"
) -> dict[str, Any]:
    """The RabbitMQ definitions document (what its management interface imports) of a declared network.

    `passwords` has one for every name in `network.users`. From RabbitMQ 4 on, "no delivery limit" must be said.
    """
    unlimited = {"delivery-limit": -1} if int(broker_version.split(".")[0]) >= 4 else {}
    parts = _Definitions()

    parts.exchange(NETWORK, "inbox", "direct")
    parts.exchange(NETWORK, "unrouted", "fanout")
    parts.queue(NETWORK, "unrouted", bound_to="unrouted", keys=[""])

    # What is published goes on to `routes`, and a copy of it into the log: were the log's queue bound beside the
    # others, nothing would ever be without a queue, and so nothing come to `unrouted`.
    parts.exchange(HUB, "hub", "topic", alternate="unrouted")
    parts.exchange(HUB, ROUTES, "topic", alternate="unrouted")
    parts.bind(HUB, "hub", ROUTES, ["#"], to="exchange")
    parts.exchange(HUB, "unrouted", "fanout")
    parts.exchange(HUB, "dead", "fanout")
    parts.queue(HUB, "unrouted", bound_to="unrouted", keys=[""])
    parts.queue(HUB, "dead", bound_to="dead", keys=[""])

    for organisation in network.organisations.values():
        _organisation_queues(parts, organisation)
    for service in network.services.values():
        # One process reads and the others stand by: two would apply the messages of one referral out of order.
        keys = [f"{contract}.*" for contract in service.reads]
        parts.queue(HUB, service.queue, bound_to=ROUTES, keys=keys, one_reads=not service.parallel)
    # All that organisations are sent, what became of their messages, and whose data has to go from there. What is for
    # nobody of the network stays nobody's.
    keys = [key for one in (*network.organisations, *sorted(network.removed)) for key in _keys_to(one)]
    keys += [f"{PROCESSED}.#", "person.erased.*"]
    parts.queue(HUB, LEDGER, bound_to=ROUTES, keys=keys, one_reads=True)
    parts.queue(HUB, LOG, bound_to="hub", keys=LOGGED, one_reads=True)

    # At-least-once dead lettering needs a queue that refuses rather than drops what it has no room for.
    at_least_once = {"dead-letter-strategy": "at-least-once"}
    # A sender may let a message expire: then it is dead-lettered before the gateway has seen it, and not lost.
    expired = {"dead-letter-exchange": "unrouted", **at_least_once}
    parts.policy(NETWORK, "submit", r"^submit\.", network.limits["submit"], {**unlimited, **expired})
    parts.policy(NETWORK, "unrouted", "^unrouted$", network.limits["submit"], unlimited)
    # Twice as many bytes as may be accepted and not taken up (gateway/http/limits.py): of what stands here that process
    # only reckons them, and a queue that refused would hold up what the relay has of others.
    room = replace(network.limits["submit"], bytes=2 * network.limits["submit"].bytes)
    parts.policy(HUB, "submitted", r"^submitted\.", room, unlimited)
    parts.policy(NETWORK, "inbox", r"^inbox\.", network.limits["inbox"], unlimited)
    # How much waits in deliver.* and in the ledger is not limited: a queue that refused would make the services'
    # publications fail, and everybody wait for one organisation that does not read. What its inbox refuses waits here.
    if unlimited:
        parts.policy(HUB, "deliver", rf"^(deliver\.|{LEDGER}$)", None, unlimited)
        # `./ruta repair` looks at what was dead-lettered and leaves there what has no place to go: that is no delivery.
        parts.policy(HUB, "aside", "^(unrouted|dead)$", None, unlimited)
    # The log holds nobody up: where it is away for long, its oldest are dropped, and the log never has them.
    logged = {**unlimited, **_limited(network.limits["service"], "drop-head")}
    parts.policy(HUB, "log", f"^{LOG}$", None, logged)
    dead_lettered = {"dead-letter-exchange": "dead", **at_least_once}
    parts.policy(HUB, "service", f"^({'|'.join(network.services)})$", network.limits["service"], dead_lettered)

    for organisation in network.organisations.values():
        _organisation_user(parts, organisation, network, passwords[organisation.id] if organisation.amqp else None)
    parts.user(GATEWAY, passwords[GATEWAY])
    parts.permission(GATEWAY, NETWORK, write="^inbox$", read=r"^submit\.")
    # What became of messages it reads by a queue of its own that goes with its connection (messaging/credits.py).
    own = r"amq\.gen-.*"
    parts.permission(
        GATEWAY, HUB, configure=f"^{own}$", write=f"^(hub|{own})$", read=rf"^(deliver\..*|submitted\..*|hub|{own})$"
    )
    parts.topic_permission(GATEWAY, HUB, "hub", write=".*", read=rf"^{re.escape(PROCESSED)}\.")
    parts.user(GATEWAY_HTTP, passwords[GATEWAY_HTTP])
    parts.permission(GATEWAY_HTTP, HUB, write="^hub$", read=NOTHING)
    parts.topic_permission(GATEWAY_HTTP, HUB, "hub", write=r"^submitted\.")
    parts.user(COURIER, passwords[COURIER])
    parts.permission(COURIER, HUB, write=NOTHING, read=f"^{LEDGER}$")
    parts.user(MONITOR, passwords[MONITOR])
    parts.permission(MONITOR, HUB, write=NOTHING, read=f"^{LOG}$")
    for service in network.services.values():
        parts.user(service.name, passwords[service.name])
        parts.permission(service.name, HUB, write="^hub$", read=f"^{service.queue}$")
    return parts.document


def definitions_of(organisation: Organisation, network: DeclaredNetwork, password: str | None) -> dict[str, Any]:
    """The part of the definitions that is one organisation's: what a broker lacks that has the rest already.

    `password` is of its user; None where it has none.
    """
    parts = _Definitions()
    _organisation_queues(parts, organisation)
    parts.bind(HUB, ROUTES, LEDGER, _keys_to(organisation.id))
    _organisation_user(parts, organisation, network, password)
    return parts.document


def queues_of(organisation: Organisation) -> list[tuple[str, str]]:
    """Every queue that is there for an organisation alone, each with its virtual host."""
    parts = _Definitions()
    _organisation_queues(parts, organisation)
    return [(queue["vhost"], queue["name"]) for queue in parts.document["queues"]]


def _keys_to(organisation: str) -> list[str]:
    """The routing keys of what the hub has for an organisation.

    Without a type: what was written before these keys had one, and is still in an outbox.
    """
    return [f"to.{organisation}", f"to.{organisation}.#"]


def _organisation_queues(parts: "_Definitions", organisation: Organisation) -> None:
    id = organisation.id
    for system in submitting_systems(organisation):
        keys = [submitted_key(id, system, "#")]
        parts.queue(HUB, submitted_queue(id, system), bound_to=ROUTES, keys=keys, one_reads=True)
    if not organisation.amqp:
        return  # what is for it, it has of the courier
    keys = _keys_to(id)
    if any(_names(system.reads, PROCESSED) for system in organisation.systems if system.amqp):
        keys.append(processed_key(id))
    common, *copying = organisation.delivers
    parts.queue(HUB, common, bound_to=ROUTES, keys=keys)
    for queue in copying:
        parts.queue(HUB, queue, bound_to=ROUTES, keys=_keys_to(id))  # who takes what out of it is decided at its end
    # An exchange each: RabbitMQ checks the routing key that a sender gives, not those in its headers CC and BCC.
    exchange = submit_exchange(id)
    parts.exchange(NETWORK, exchange, "topic", alternate="unrouted")
    notices = {one: [notice_key(id, name) for name in one.reads] for one in organisation.systems if one.runs}
    all_notices = sorted({key for keys in notices.values() for key in keys})
    for suffix, submits in zip(organisation.suffixes, organisation.submits, strict=True):
        is_newest = suffix == organisation.suffixes[0]  # by the others nothing comes any more
        parts.queue(NETWORK, submits, bound_to=exchange, keys=[f"{id}.#"] if is_newest else [])
        keys = [id, *all_notices] if is_newest else []
        parts.queue(NETWORK, organisation.inbox(suffix=suffix), bound_to="inbox", keys=keys)
        for one in filter(lambda system: system.amqp, organisation.systems):
            keys = [one.address, *notices.get(one, [])] if is_newest else []
            queue = organisation.inbox(one.name, suffix)
            parts.queue(NETWORK, queue, bound_to="inbox", keys=keys, one_reads=one.runs is not None)


def _organisation_user(
    parts: "_Definitions", organisation: Organisation, network: DeclaredNetwork, password: str | None
) -> None:
    if not organisation.amqp or password is None:
        return
    id, is_active = organisation.id, organisation.status is OrganisationStatus.ACTIVE
    connections = organisation.limits.get("connections", network.connections)
    channels = organisation.limits.get("channels", network.channels)
    limits = {"max-connections": connections if is_active else 0, "max-channels": channels}
    parts.user(id, password, limits=limits)
    parts.permission(id, NETWORK, write=rf"^submit\.{id}$", read=rf"^inbox\.{id}(\.|$)")
    parts.topic_permission(id, NETWORK, submit_exchange(id), write=r"^{username}\.")


class _Definitions:
    """A definitions document under construction."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "vhosts": [{"name": NETWORK}, {"name": HUB}],
            "exchanges": [],
            "queues": [],
            "bindings": [],
            "policies": [],
            "users": [],
            "permissions": [],
            "topic_permissions": [],
        }

    def exchange(self, vhost: str, name: str, type: str, *, alternate: str | None = None) -> None:
        arguments = {"alternate-exchange": alternate} if alternate else {}
        self.document["exchanges"].append(
            {
                "vhost": vhost,
                "name": name,
                "type": type,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": arguments,
            }
        )

    def queue(self, vhost: str, name: str, *, bound_to: str, keys: Iterable[str], one_reads: bool = False) -> None:
        arguments = {"x-queue-type": "quorum", **({"x-single-active-consumer": True} if one_reads else {})}
        self.document["queues"].append(
            {"vhost": vhost, "name": name, "durable": True, "auto_delete": False, "arguments": arguments}
        )
        self.bind(vhost, bound_to, name, keys)

    def bind(self, vhost: str, exchange: str, queue: str, keys: Iterable[str], *, to: str = "queue") -> None:
        self.document["bindings"] += [
            {
                "vhost": vhost,
                "source": exchange,
                "destination": queue,
                "destination_type": to,
                "routing_key": key,
                "arguments": {},
            }
            for key in keys
        ]

    def policy(self, vhost: str, name: str, pattern: str, limits: Limits | None, more: Mapping[str, Any]) -> None:
        definition = dict(more)
        if limits is not None:
            definition |= _limited(limits, "reject-publish")
            definition |= {"delivery-limit": limits.deliveries} if limits.deliveries else {}
        self.document["policies"].append(
            {
                "vhost": vhost,
                "name": name,
                "pattern": pattern,
                "apply-to": "queues",
                "priority": 0,
                "definition": definition,
            }
        )

    def user(self, name: str, password: str, *, limits: Mapping[str, int] | None = None) -> None:
        self.document["users"].append(
            {
                "name": name,
                "password_hash": _password_hash(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
                "limits": limits or {},
            }
        )

    def permission(self, user: str, vhost: str, *, write: str, read: str, configure: str = NOTHING) -> None:
        self.document["permissions"].append(
            {"user": user, "vhost": vhost, "configure": configure, "write": write, "read": read}
        )

    def topic_permission(self, user: str, vhost: str, exchange: str, *, write: str, read: str = NOTHING) -> None:
        self.document["topic_permissions"].append(
            {"user": user, "vhost": vhost, "exchange": exchange, "write": write, "read": read}
        )


def _limited(limits: Limits, overflow: str) -> dict[str, Any]:
    """The part of a policy that says how much may wait in a queue, and what becomes of more."""
    return {"max-length": limits.messages, "max-length-bytes": limits.bytes, "overflow": overflow}


def _password_hash(password: str) -> str:
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class Management:
    """RabbitMQ's management interface at `http://user:password@host:port`; needs the tag `administrator`.

    Of several hosts (messaging/addresses.py) one that does not answer, or answers that it cannot (5xx), leads to the
    next. It begins with the one that answered last.
    """

    def __init__(self, url: str, *, within: float | None = None) -> None:
        """`within` are the seconds for all hosts, of which each has its part: for whoever only looks.

        Raises TopologyError when the address cannot be read.
        """
        try:
            address = addresses.read(url, addresses.MANAGEMENT)
        except addresses.AddressError as error:
            raise TopologyError(f"the address of the broker's management interface cannot be read: {error}") from None
        self._hosts, self._scheme = address.hosts, address.scheme
        self._each_within = None if within is None else within / len(address.hosts)
        self.place = ",".join(map(str, address.hosts))
        who = base64.b64encode(f"{address.user or ''}:{address.password or ''}".encode()).decode()
        self._headers = {"Authorization": f"Basic {who}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        """The JSON answer to `GET /api/<path>`."""
        return self._ask("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def queues(self, vhost: str) -> list[dict[str, Any]]:
        """Every queue of a virtual host, as the broker describes it; counts are up to five seconds old.

        Without those that belong to somebody's connection and end with it: they are no part of the network.
        """
        queues: list[dict[str, Any]] = self.get(f"queues/{quote(vhost, safe='')}")
        return [queue for queue in queues if not queue.get("exclusive")]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        *others, last = addresses.in_turn(self._hosts)
        for host in others:
            try:
                return self._ask_host(host, method, path, body)
            except _NoAnswerError as error:
                log.warning("%s; the next host is asked", error)
        return self._ask_host(last, method, path, body)

    def _ask_host(self, host: Host, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self._scheme}://{host}/api/{path}"
        request = urllib.request.Request(url, data, self._headers, method=method)  # noqa: S310 - the operator's own URL
        try:
            within = self._each_within or ANSWER_WITHIN
            with urllib.request.urlopen(request, timeout=within) as answer:  # noqa: S310
                said = answer.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:300]
            error.close()
            kind = _NoAnswerError if error.code >= 500 else TopologyError
            raise kind(f"the broker answered {error.code} to {method} {path}: {detail}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _NoAnswerError(f"the broker's management interface at {host} does not answer: {error}") from None
        addresses.answered(self._hosts, host)
        return json.loads(said) if said else None


def provision(management: Management, network: DeclaredNetwork, passwords: Mapping[str, str]) -> None:
    """Make the broker agree with the declared network; doing it again changes nothing.

    A policy on the two virtual hosts that is no longer declared is removed. Raises TopologyError when the broker
    refuses, or holds a queue of the same name that is not as declared. Says in the log which nodes of a cluster have no
    copy of some of the queues.
    """
    version = management.get("overview")["rabbitmq_version"]
    document = definitions(network, passwords, broker_version=version)
    # Nothing is led on to an exchange from which nothing leads further yet: it would be taken for what nobody reads.
    onward = [one for one in document["bindings"] if one["destination_type"] == "exchange"]
    management.post("definitions", {**document, "bindings": [one for one in document["bindings"] if one not in onward]})
    management.post("definitions", {"bindings": onward})
    for vhost in (NETWORK, HUB):
        _remove_other_policies(management, vhost, document["policies"])
        _check_queues(management, vhost, document["queues"])
    _unbind_all_but(management, document["bindings"])
    for organisation in network.organisations.values():
        unbind_old_queues(management, organisation)
        for queue in ended_copies(management, organisation):
            management.delete(f"queues/{HUB}/{quote(queue, safe='')}")
    there = {one["name"] for one in management.get("users?columns=name")}
    for name in sorted(network.removed & there):
        management.delete(f"users/{quote(name, safe='')}")
    _say_where_copies_are_missing(management)


def unbind_old_queues(management: Management, organisation: Organisation) -> None:
    """Have nothing more come into queues of an organisation's earlier suffixes: the newest are bound by now."""
    newest = queues_of(replace(organisation, suffixes=organisation.suffixes[:1]))
    for vhost, queue in queues_of(organisation):
        if (vhost, queue) in newest:
            continue
        place, name = quote(vhost, safe=""), quote(queue, safe="")
        for one in management.get(f"queues/{place}/{name}/bindings"):
            if one["source"]:  # not the exchange that has no name, and every queue
                exchange, key = quote(one["source"], safe=""), quote(one["properties_key"], safe="")
                management.delete(f"bindings/{place}/e/{exchange}/q/{name}/{key}")


def _unbind_all_but(management: Management, declared: Iterable[Mapping[str, Any]]) -> None:
    """Leave of the bindings of the exchange `hub` those that are declared: before there was `routes`, queues had them.

    What is bound to a queue that belongs to somebody's connection stays.
    """
    theirs = {(one["destination"], one["routing_key"]) for one in declared if one["source"] == HUB}
    queues = {queue["name"] for queue in management.queues(HUB)}
    for one in management.get(f"exchanges/{HUB}/{HUB}/bindings/source"):
        to, key = one["destination"], one["routing_key"]
        if one["destination_type"] == "queue" and to in queues and (to, key) not in theirs:
            name, properties = quote(to, safe=""), quote(one["properties_key"], safe="")
            management.delete(f"bindings/{HUB}/e/{HUB}/q/{name}/{properties}")


def ended_copies(management: Management, organisation: Organisation) -> list[str]:
    """The queues of copies for systems of an organisation that have none any more: nobody would empty them."""
    begins = f"deliver.{organisation.id}."
    there = (queue["name"] for queue in management.queues(HUB) if queue["name"].startswith(begins))
    return sorted(name for name in there if name not in organisation.delivers)


def _remove_other_policies(management: Management, vhost: str, declared: Iterable[Mapping[str, Any]]) -> None:
    names = {policy["name"] for policy in declared if policy["vhost"] == vhost}
    for policy in management.get(f"policies/{vhost}"):
        if policy["name"] not in names:
            management.delete(f"policies/{vhost}/{quote(policy['name'], safe='')}")


def _check_queues(management: Management, vhost: str, declared: Iterable[Mapping[str, Any]]) -> None:
    found = {queue["name"]: queue.get("arguments") for queue in management.queues(vhost)}
    for queue in declared:
        # An import leaves a queue alone that is already there.
        if queue["vhost"] == vhost and found.get(queue["name"]) != queue["arguments"]:
            raise TopologyError(f"queue {queue['name']} in {vhost} is not as declared; empty and delete it first")


def _say_where_copies_are_missing(management: Management) -> None:
    """A queue is kept by nodes that the cluster had when it was declared, up or down; one that joins later has none."""
    nodes = {node["name"] for node in management.get("nodes?columns=name")}
    lacking = Counter(
        node
        for vhost in (NETWORK, HUB)
        for queue in management.queues(vhost)
        if len(members := queue.get("members", [])) < min(len(nodes), COPIES)
        for node in nodes - set(members)
    )
    for node, queues in sorted(lacking.items()):
        log.warning(
            "The node %s keeps no copy of %s queues, which too few nodes keep: rabbitmq-queues grow %s all",
            node, queues, node,
        )  # fmt: skip

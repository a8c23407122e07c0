"""What the broker holds, beside what deploy/network.toml declares; for whoever tells of it, and whoever mends it."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from deploy.local.state import State
from messaging.topology import HUB, NETWORK, REPAIRER, DeclaredNetwork, Management, definitions

# Of each kind of definition, in the words of RabbitMQ's own document: what tells one from another, and what it says.
KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vhosts": (("name",), ()),
    "exchanges": (("vhost", "name"), ("type", "durable", "auto_delete", "internal", "arguments")),
    "queues": (("vhost", "name"), ("durable", "auto_delete", "arguments")),
    "bindings": (("vhost", "source", "destination", "destination_type", "routing_key"), ("arguments",)),
    "policies": (("vhost", "name"), ("pattern", "apply-to", "priority", "definition")),
    "users": (("name",), ("limits",)),
    "permissions": (("vhost", "user"), ("configure", "write", "read")),
    "topic_permissions": (("vhost", "user", "exchange"), ("write", "read")),
}
# An import leaves these alone where they are there already, and what is in them would be lost with them.
FOR_A_PERSON = frozenset({"exchanges", "queues"})

How = Literal["missing", "different", "undeclared"]


@dataclass(frozen=True)
class Difference:
    """One thing that the broker does not have as it is declared."""

    kind: str  # a key of KINDS
    how: How
    what: Mapping[str, Any]  # its definition, as declared; of an undeclared one, as found

    @property
    def vhost(self) -> str:
        """The virtual host where it belongs; empty for a user."""
        return str(self.what["name"] if self.kind == "vhosts" else self.what.get("vhost", ""))

    @property
    def for_a_person(self) -> bool:
        """Whether somebody has to decide what becomes of what is there."""
        return self.how == "different" and self.kind in FOR_A_PERSON

    @property
    def text(self) -> str:
        """The thing and what is wrong with it, such as `queue referrals (hub) is missing`."""
        what = self.what
        match self.kind:
            case "vhosts":
                name = f"virtual host {what['name']}"
            case "users":
                name = f"user {what['name']}"
            case "bindings":
                key = f" with key {what['routing_key']}" if what["routing_key"] else ""
                name = f"binding of queue {what['destination']} to exchange {what['source']}{key} ({self.vhost})"
            case "permissions":
                name = f"permission of user {what['user']} ({self.vhost})"
            case "topic_permissions":
                name = f"topic permission of user {what['user']} ({self.vhost})"
            case kind:
                singular = {"exchanges": "exchange", "queues": "queue", "policies": "policy"}[kind]
                name = f"{singular} {what['name']} ({self.vhost})"
        return f"{name} is {'not as declared' if self.how == 'different' else self.how}"


def compare(management: Management, declared: DeclaredNetwork, state: State) -> list[Difference]:
    """Compare the broker with the declared network and the passwords of the state; in the order in which it is mended.

    Raises TopologyError when the management interface does not answer. A user for whom no password has been made is
    only looked for. Beside what is declared, a policy on the two virtual hosts counts: it would rule queues of ours. So
    does the user of repairs, which may speak under any name: where none is at work, one that was killed has left it.
    """
    found: Mapping[str, Any] = management.get("definitions")
    passwords = state.known_passwords()
    document = definitions(
        declared,
        {user: passwords.get(user, "") for user in declared.users},
        broker_version=found.get("rabbitmq_version") or found["rabbit_version"],
    )
    differences = [one for kind in KINDS for one in _of_one_kind(kind, found.get(kind, []), document[kind], passwords)]
    ours = {_identity("policies", one) for one in document["policies"]}
    differences += [
        Difference("policies", "undeclared", one)
        for one in found.get("policies", [])
        if one["vhost"] in (NETWORK, HUB) and _identity("policies", one) not in ours
    ]
    differences += [Difference("users", "undeclared", one) for one in found.get("users", []) if one["name"] == REPAIRER]
    return differences


def _of_one_kind(
    kind: str,
    found: Iterable[Mapping[str, Any]],
    declared: Iterable[Mapping[str, Any]],
    passwords: Mapping[str, str],
) -> Iterable[Difference]:
    there = {_identity(kind, one): one for one in found}
    for one in declared:
        existing = there.get(_identity(kind, one))
        if existing is None:
            yield Difference(kind, "missing", one)
        elif any((existing.get(said) or None) != (one[said] or None) for said in KINDS[kind][1]) or (
            kind == "users" and not _is_as_declared(existing, passwords.get(one["name"]))
        ):
            yield Difference(kind, "different", one)


def _identity(kind: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(one.get(part, "")) for part in KINDS[kind][0])


def _is_as_declared(user: Mapping[str, Any], password: str | None) -> bool:
    """Whether a user has no tags and this password, as far as the broker's hash of it can be read."""
    if any(user["tags"]):
        return False
    if password is None or user.get("hashing_algorithm") != "rabbit_password_hashing_sha256":
        return True
    hashed = base64.b64decode(user["password_hash"])
    return hashed == hashed[:4] + hashlib.sha256(hashed[:4] + password.encode()).digest()


def mend(management: Management, differences: Iterable[Difference]) -> None:
    """Make what is missing, and set right what can be without losing anything; nothing else is touched.

    Raises TopologyError when the broker refuses.
    """
    document: dict[str, list[Mapping[str, Any]]] = {}
    for one in differences:
        if one.how == "undeclared":
            name = quote(one.what["name"], safe="")
            management.delete(f"users/{name}" if one.kind == "users" else f"policies/{one.vhost}/{name}")
        elif not one.for_a_person:
            document.setdefault(one.kind, []).append(one.what)
    if document:
        management.post("definitions", document)


def summary(differences: Iterable[Difference]) -> list[str]:
    """A line for each thing, the bindings of one queue as one: `26 bindings of queue referrals (hub) are missing`."""
    lines: dict[tuple[str, str, How], list[Difference]] = {}
    for one in differences:
        place = one.what["destination"] if one.kind == "bindings" else one.text
        lines.setdefault((one.kind, f"{one.vhost} {place}", one.how), []).append(one)
    return [
        ones[0].text
        if len(ones) == 1
        else f"{len(ones)} bindings of queue {ones[0].what['destination']} ({ones[0].vhost}) are missing"
        for ones in lines.values()
    ]

"""A RabbitMQ cluster of three real nodes on loopback, and a TCP balancer to stand before it."""

import contextlib
import json
import secrets
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.local.rabbitmq import ADMINISTRATOR, BrokerProcess, scripts
from deploy.local.state import State, free_ports, write_private
from messaging.topology import HUB, NETWORK, Management
from tests.waiting import eventually

NODES = ("one", "two", "three")
WITHIN = 120.0  # seconds for a command to a node


class Cluster:
    """The nodes by name. The first starts first: the epmd of all is its own, and outlives the death of its node."""

    def __init__(self, directory: Path) -> None:
        self.node_names = {name: f"ruta-{name}@localhost" for name in NODES}  # by which they know each other
        peers = {
            f"cluster_formation.classic_config.nodes.{place}": node
            for place, node in enumerate(self.node_names.values(), 1)
        }
        settings = {"cluster_formation.peer_discovery_backend": "classic_config", **peers}
        epmd, *ports = free_ports(1 + 4 * len(NODES))
        self._password, cookie = secrets.token_urlsafe(24), secrets.token_hex(20)
        self.nodes: dict[str, BrokerProcess] = {}
        for place, (name, node) in enumerate(self.node_names.items()):
            state = State(directory / name)
            state.make()
            write_private(state.directory / "secrets.json", json.dumps({ADMINISTRATOR: self._password}))
            (state.directory / "rabbitmq").mkdir(mode=0o700)
            write_private(state.directory / "rabbitmq" / ".erlang.cookie", cookie)
            amqp, management, metrics, own = ports[4 * place : 4 * place + 4]
            self.nodes[name] = BrokerProcess(
                state, (amqp, management, metrics, own, epmd), node=node, settings=settings
            )

    def start(self) -> None:
        """Start the first, then the others, which join it."""
        first, *others = self.nodes.values()
        first.start()
        first.wait_ready()
        for node in others:
            node.start()
        for node in others:
            node.wait_ready()

    def stop(self) -> None:
        """End them at once: nothing of them is kept."""
        for node in reversed(self.nodes.values()):
            node.program = replace(node.program, stop_within=0.0)
            node.stop()

    def kill(self, name: str) -> None:
        """Send kill -9 to a node."""
        self.nodes[name].kill()

    def bring_back(self, name: str) -> None:
        """Start a node again, and wait until it has its copies of all queues up to date with the others."""
        self.nodes[name].start()
        self.nodes[name].wait_ready()
        eventually(lambda: all(len(queue["online"]) == len(NODES) for queue in self.queues()))

    @property
    def management(self) -> Management:
        return Management(self.management_url(self.places("management_port")))

    def queues(self) -> list[dict[str, Any]]:
        """The queues of both virtual hosts, of which `leader`, `members` and `online` name nodes."""
        return [queue for vhost in (NETWORK, HUB) for queue in self.management.queues(vhost)]

    def places(self, port: str) -> list[str]:
        """Where each node listens: `amqp_port` or `management_port`."""
        return [f"127.0.0.1:{getattr(node, port)}" for node in self.nodes.values()]

    def amqp_url(self, places: Sequence[str]) -> str:
        return f"amqp://{ADMINISTRATOR}:{self._password}@{','.join(places)}/"

    def management_url(self, places: Sequence[str]) -> str:
        return f"http://{ADMINISTRATOR}:{self._password}@{','.join(places)}"

    def run(self, tool: str, *arguments: str) -> None:
        """Run one of RabbitMQ's tools at the first node."""
        first = self.nodes[NODES[0]]
        command = [str(scripts() / tool), "-n", self.node_names[NODES[0]], *arguments]
        subprocess.run(command, env=first.program.environment, check=True, capture_output=True, timeout=WITHIN)


class Balancer:
    """One address before several: each connection goes to the next host that takes it, as long as that lives."""

    def __init__(self, places: Sequence[str]) -> None:
        self._targets = [(host, int(port)) for host, _, port in (place.rpartition(":") for place in places)]
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._sockets = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                host = self._next_host()
                if host is None:
                    client.close()
                    continue
                self._sockets += [client, host]
                for source, sink in ((client, host), (host, client)):
                    threading.Thread(target=_pass, args=(source, sink), daemon=True).start()

    def _next_host(self) -> socket.socket | None:
        for _ in self._targets:
            self._targets.append(self._targets.pop(0))
            with contextlib.suppress(OSError):
                return socket.create_connection(self._targets[-1], timeout=5)
        return None


def _pass(source: socket.socket, sink: socket.socket) -> None:
    source.settimeout(None)
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

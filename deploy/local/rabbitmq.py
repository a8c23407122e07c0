"""A RabbitMQ of our own, from the distribution's package: a private node with a private epmd, on loopback.

The scripts below `/usr/lib/rabbitmq/bin` are called directly; the wrapper in `/usr/sbin` refuses ordinary users.
Nothing of a system-wide node is read or touched.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program
from deploy.local.state import State, write_private
from messaging.topology import Management, TopologyError

ADMINISTRATOR = "administrator"
NODE = "ruta@localhost"
MAX_MESSAGE_BYTES = 1024 * 1024  # four times what a contract allows, so that the gateway, not the broker, refuses
PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")
# Idle schedulers sleep at once: on a small machine spinning ones take the processor from the services.
ERLANG_ARGUMENTS = "+sbwt none +sbwtdcpu none +sbwtdio none"


def scripts() -> Path:
    """The directory of RabbitMQ's scripts: `RUTA_RABBITMQ_BIN`, or where the package puts them."""
    return Path(os.environ.get("RUTA_RABBITMQ_BIN") or "/usr/lib/rabbitmq/bin")


class BrokerProcess(Process):
    """The embedded RabbitMQ node of one state directory."""

    def __init__(
        self,
        state: State,
        ports: tuple[int, int, int, int, int],
        *,
        node: str = NODE,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`ports`: AMQP, management, metrics, the node's own, epmd. `settings` are more lines of rabbitmq.conf.

        Nodes that share the epmd port, the cookie and `settings` that name each other are a cluster; the first of them
        to start is the last to stop, because the epmd is its own.
        """
        if not (scripts() / "rabbitmq-server").exists():
            raise OperatorError("RabbitMQ is missing; please install it: sudo apt-get install -y rabbitmq-server")
        self._home = state.directory / "rabbitmq"
        self._node, self._more_settings = node, settings or {}
        self._password = state.password(ADMINISTRATOR)
        self.amqp_port, self.management_port, self.metrics_port, self._node_port, self._epmd_port = ports
        self.management = Management(self.management_url)
        self._epmd = Process(
            Program(
                name="epmd",
                command=["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)],
                environment={"PATH": os.environ.get("PATH", os.defpath), "RUTA_STATE": str(state.directory)},
                log=state.logs / "epmd.log",
                is_ready=lambda _: _accepts(self._epmd_port),
            )
        )
        super().__init__(
            Program(
                name="rabbitmq",
                command=[str(scripts() / "rabbitmq-server")],
                environment=self._environment(),
                log=state.logs / "rabbitmq.log",
                is_ready=lambda _: self._answers(),
                directory=self._home,
                ready_within=90.0,
                stop_within=30.0,
            )
        )

    @property
    def management_url(self) -> str:
        return f"http://{ADMINISTRATOR}:{quote(self._password)}@127.0.0.1:{self.management_port}"

    def start(self) -> None:
        """Start the node, and its epmd before it."""
        self._write_settings()
        self._epmd.start()
        self._epmd.wait_ready()
        super().start()

    def stop(self) -> None:
        """Stop the node, then its epmd."""
        super().stop()
        self._epmd.stop()

    def _write_settings(self) -> None:
        self._home.mkdir(mode=0o700, exist_ok=True)
        cookie = self._home / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secrets.token_hex(20))
        settings = {
            "listeners.tcp.default": f"127.0.0.1:{self.amqp_port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self.management_port,
            "prometheus.tcp.ip": "127.0.0.1",
            "prometheus.tcp.port": self.metrics_port,
            "default_user": ADMINISTRATOR,
            "default_pass": self._password,
            "max_message_size": MAX_MESSAGE_BYTES,
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            **self._more_settings,
        }
        write_private(self._home / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
        (self._home / "enabled_plugins").write_text(f"[{','.join(PLUGINS)}].\n")
        (self._home / "rabbitmq-env.conf").touch()

    def _environment(self) -> dict[str, str]:
        home = self._home
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "RUTA_STATE": str(home.parent),
            "LC_ALL": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node instead of staying above it
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ERLANG_ARGUMENTS} -kernel inet_dist_use_interface {{127,0,0,1}}",
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
        }

    def _answers(self) -> bool:
        if not (_accepts(self.amqp_port) and _accepts(self.management_port)):
            return False
        try:
            self.management.get("overview")
        except TopologyError:
            return False
        return True


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False

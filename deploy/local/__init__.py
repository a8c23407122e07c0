"""The network on one machine: its own PostgreSQL and RabbitMQ, the hub's processes, and the command line over them."""

from typing import TYPE_CHECKING, Any

from deploy.local.operator_error import OperatorError

if TYPE_CHECKING:
    from deploy.local.network import Network, running
    from deploy.local.stack import Stack

__all__ = ["Network", "OperatorError", "Stack", "running"]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: `./ruta down` needs neither and should not wait for the database driver.
    if name == "Stack":
        from deploy.local.stack import Stack

        return Stack
    if name in ("Network", "running"):
        from deploy.local import network

        return getattr(network, name)
    raise AttributeError(name)

"""The network on one machine: its own PostgreSQL and RabbitMQ, the hub's processes, and the command line over them."""

from deploy.local.network import Network
from deploy.local.stack import Stack
from deploy.local.trouble import Trouble

__all__ = ["Network", "Stack", "Trouble"]

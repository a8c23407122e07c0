"""The monitor: what operations know of the network, and are told."""

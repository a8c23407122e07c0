"""The message log: envelope, digest and outcome of everything that passes the hub, and no body."""

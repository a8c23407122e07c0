"""The monitor: what passes the hub, what broke and how it is mended, without any personal data; for operations."""

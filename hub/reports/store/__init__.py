"""What reports keep in PostgreSQL: facts as they come in, and what is counted from them."""

from hub.reports.store import counts, facts, jornadas

__all__ = ["counts", "facts", "jornadas"]

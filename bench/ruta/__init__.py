"""Ruta as a contender: a small service on the real runtime."""

"""Jornadas and who attends them: where they stand, what happens for people there, and who is told."""

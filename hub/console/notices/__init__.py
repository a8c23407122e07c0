"""Tells staff who have asked for it, by e-mail, how much waits for them: the process console-notices.

A mail has counts, the organisation's name and an address of the console, and not a word about anybody.
"""

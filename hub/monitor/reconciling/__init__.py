"""Reconciling: what each outbox, and the log, say was sent, held against what the next inbox has (comparing.py).

A queue that was purged or deleted, and a row that was lost, leave nothing else behind. What an outbox still has, the
relay says again; nobody here sees what a message says.
"""

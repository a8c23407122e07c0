"""Custody: the one process that holds the private keys of hosted organisations, and opens what is sealed to them.

    web ──(Unix socket, one JSON line each way)──▶ custody ──▶ audit row, committed ──▶ opens in memory ──▶ answers

protocol.py is what is asked and answered, client.py asks; server.py listens; desk.py checks, records, and only then
opens or searches; indexing.py opens each block once, on arrival, and keeps keyed hashes of what it is found by; keys.py
has the keys, which nobody else of the console has.
"""

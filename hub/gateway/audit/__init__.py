"""What was done to the network, in a chain of hashes whose end is signed: who changed it later is found.

chain.py is the chain and its verification, without I/O; keys.py signs; store.py appends and reads; refusals.py appends
what was refused, off the path of messages; `python -m hub.gateway.audit verify | search` reads it all.
"""

"""The console: what coordinators and partners' staff see of the network, and do in it.

web/ is the process that serves its pages; audit.py records what staff see and do; keyring.py has the key that is not in
the database.
"""

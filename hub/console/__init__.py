"""The console: what coordinators and partners' staff see of the network, and do in it.

service.py keeps what pages show of cases, and web/ is the process that serves them; audit.py records what staff see and
do; keyring.py has the key that is not in the database.
"""

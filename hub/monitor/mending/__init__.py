"""Mending: what failed in the services, in groups with one cause; tried again, or given back to who sent it.

failures.py finds it, operations.py acts: a dry run binds the messages, what is started is about these and no others,
and each of them ends once. replays.py has what was published said again, by operations of the same kind. Who asks is
`by`, as the audit has it; what a function needs of databases are the addresses of operators' logins
(Stack.operator_database_url), by service. No function here sees what a message says.
"""

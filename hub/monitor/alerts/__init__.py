"""What somebody on duty is told: which alert, who waits, whether it can wait until seven, and the first command.

`rules` finds alerts in what was read of the network, `telling` decides what is said now, `sending` says it, and `pages`
has the words. None of them reads a server: they work as well when all of them are away.
"""

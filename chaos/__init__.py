"""Faults on purpose, each under load: what was lost, what was done twice, how long it took, and when anybody was told.

    ./ruta chaos [--json FILE] [--only NAME] [--write]

A fault is one entry of `faults.py`. `running.py` has a day's organisations at work (demo/), lets the fault happen in
the middle of it, and holds the organisations' own logs against the effects (demo/checker.py, the checker of the
tests). `sequence.py` sends what has to be applied in the order in which it was said, `proxy.py` keeps back what a
server says, and `table.py` writes docs/reliability.md.
"""

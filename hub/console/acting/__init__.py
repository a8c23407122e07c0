"""Says to the network what staff have decided, and asks what became of it: the process console-acting.

It comes in by HTTP as any partner does, with the key of each organisation's system `console`.
"""

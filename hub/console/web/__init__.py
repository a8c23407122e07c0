"""The console's pages, served by a process of its own on asyncio (`python -m hub.console.web`).

app.py puts it together; shell.py is what every request passes; permissions.py says who may see which page. A screen is
a module with functions that are given a visit (visit.py), in a transaction, and return a page.
"""

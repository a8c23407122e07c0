"""How messages travel: inbox, handlers, outbox, relay. Knows no service.

A service imports `on`, `every` and `batches` from `messaging.on`; nothing here imports a service.
"""

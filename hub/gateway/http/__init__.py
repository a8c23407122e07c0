"""The entrance by HTTP: an asyncio process of its own, in which nothing of eventlet is imported."""

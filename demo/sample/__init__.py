"""A small network to look at: people, consents, services, and referrals in every state, all said by messages.

`./ruta up --sample` makes it (`setting_up.py`); what was said once is not said again (`journal.py`), and the partners'
systems go on answering until the network ends (`answering.py`).
"""

"""How the network is put on machines."""

"""The reports: what the network has done, counted from its messages, each person once."""

"""The hub's real services at the work that they do in the network, measured in the same run as the comparison."""

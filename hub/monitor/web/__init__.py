"""The monitor's pages, in the console's frame: for who operates the network."""

"""What the hub does: one folder for each service, all of the same inner shape."""

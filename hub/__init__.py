"""What the hub runs: where organisations come in, and what it all comes to."""

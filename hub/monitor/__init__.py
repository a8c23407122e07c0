"""The monitor: what operators see of the message flow, and mend in it."""

"""The console's tables: what comes in is kept, what pages show is read."""

"""What people and partners touch."""

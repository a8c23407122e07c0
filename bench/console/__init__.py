"""What the console's pages cost where there are a million referrals."""

"""The second entrance: what accepting by HTTP costs, and whether who floods slows anybody but itself."""

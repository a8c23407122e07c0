"""How good and how fast the matching is: a seeded set of people with known true pairs, and a million strangers."""

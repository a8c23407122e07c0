"""The two published years, February 2021 to January 2023, replayed person by person through the network."""

"""Usage: what they used."""

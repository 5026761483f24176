"""Commands that feed and mend the usage tables."""

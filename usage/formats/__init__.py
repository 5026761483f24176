"""From bytes to call records: one file per sender's format."""

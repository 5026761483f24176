"""Telling other systems of events: Standard Webhooks 1.0, at least once, each message owed as a row until it is accepted."""

"""Tenants: who pays, and what they agreed to."""

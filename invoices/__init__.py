"""Invoices: what they owe."""

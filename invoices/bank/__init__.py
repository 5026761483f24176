"""What banks report: their exports read, their rows matched with tenants and invoices, taken once."""

"""The demo: a vendor of calling robots with eight customers, and everything it takes to bill them on one machine."""

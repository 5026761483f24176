"""The demo: a vendor of calling robots with six customers, and everything it takes to bill them on one machine."""

"""The hosts of the virtual site: one light process plays all of them, each in a network namespace of its own."""

"""Becoming a terminal of a site: keys that are made here, a certificate for them, and the files that say so."""

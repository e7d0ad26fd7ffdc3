"""Secrets of a site: references that site.toml may hold, the encrypted store behind `secret:`, private files."""

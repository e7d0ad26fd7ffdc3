"""Findings over time, acknowledgements and waivers: will live here."""

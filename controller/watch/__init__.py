"""Traps, events and the packet watch between two checks: will live here."""

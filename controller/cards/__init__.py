"""Cards, holders and readers, and the access-control system's own list: will live here."""

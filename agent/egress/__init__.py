"""The proof that a terminal has no way to the outside: will live here."""

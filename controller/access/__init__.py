"""Users, roles and tokens, and who may do what: will live here."""

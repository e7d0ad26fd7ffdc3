"""Topics and JSON Schemas of the messages between controller, terminals and readers: will live here."""

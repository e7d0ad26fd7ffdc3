"""The dashboard and its pages: will live here."""

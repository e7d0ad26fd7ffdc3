"""The HTTPS door; the dashboard and its pages will live here."""

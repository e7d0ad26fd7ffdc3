"""The controller: what the site knows, decides and records."""

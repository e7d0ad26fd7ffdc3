"""The terminal's link to the site, with the spool of events and the grants: will live here."""

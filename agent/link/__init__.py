"""The terminal's link to the site: its memory (events that wait, and the state) on disk; later the broker too."""

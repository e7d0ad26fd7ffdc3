"""Switches of the site: reading them, planning, applying with a journal and a watchdog, recovering."""

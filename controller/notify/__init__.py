"""Notifications, so that a finding reaches a person: will live here."""

"""The managed MQTT broker, its configuration, identities and ACL: will live here."""

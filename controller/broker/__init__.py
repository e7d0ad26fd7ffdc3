"""The MQTT broker: run by the controller, its certificates and rights, and what terminals tell over it."""

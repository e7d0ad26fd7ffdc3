"""Reports, sealed evidence bundles and their verifier: will live here."""

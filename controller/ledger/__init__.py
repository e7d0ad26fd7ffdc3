"""The ledger: append-only entries, a Merkle tree over their bytes, and signed checkpoints (docs/ledger.md)."""

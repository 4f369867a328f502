"""What the node counts, for Prometheus: one collector that reads the ledger."""

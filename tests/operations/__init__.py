"""docs/operations.md is executed: each of its commands runs, and prints what the document shows."""

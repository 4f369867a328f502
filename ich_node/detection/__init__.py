"""The pure heart, shared with training: no files, sockets, clock, database or configuration."""

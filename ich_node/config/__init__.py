"""config.toml and the environment as typed, immutable settings."""

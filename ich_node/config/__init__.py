"""config.toml as typed, frozen settings."""

"""Running as processes: start, stop, watchdog, log."""

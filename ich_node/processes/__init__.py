"""Running as processes: start, stop, hang, log lines."""

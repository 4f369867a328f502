"""Results are delivered to each destination."""

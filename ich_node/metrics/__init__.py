"""What the node counts, for Prometheus.

::

    known.py       every metric: its name, kind, labels and meaning
    collector.py   reads the ledger and this host for their values, at each scrape
"""

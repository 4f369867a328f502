"""Commissioning: that this node with this configuration works with this PACS, before patients.

::

    checks.py         what was tried, and what came of it; words.toml has the sentences
    configuration.py  settings, services, versions, bundle
    peers.py          destinations, own listener and sources are asked
    phantom.py        the head of a test patient
    route.py          the phantom's way into the node
    arrival.py        until the ledger has its answer, and all results are delivered
    results.py        what was answered, what each destination got, and what the PACS lists
    run.py            all of it, in this order
    record.py         what is kept of a run
    report.py         one page to file
"""

"""`ich-node statistics`: what was read in some days, how fast, and whether the scores drift.

::

    figures.py    the ledger's counts and scores -> Statistics
    drift.py      whether the scores of a period are like earlier ones
    text.py       Statistics as lines for a terminal
    page.py       Statistics as one self-contained HTML file
    document.py   Statistics as JSON, and back
    threshold.py  what another threshold would change on the series that were read
    pairs.py      what two models say about the series that both have read
    table.py      one line a series for a registry of AI results
"""

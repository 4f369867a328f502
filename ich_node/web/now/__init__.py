"""The page Now: what it shows, and how it stays true while somebody looks at it.

::

    facts.py     all that the page shows, of one moment
    chart.py     the time from last slice to result, as a drawing and as a table
    parts.py     the page's parts, each a template that is rendered again by itself
    live.py      one reader of the facts for all browsers, and their streams
"""

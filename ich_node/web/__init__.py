"""The status site: what the node does, for people who would rather look than type.

::

    server.py      uvicorn around the application; listener.py, protocol.py and tls.py below it
    app.py         the pages behind their guards, and the addresses for machines
    guards/        which requests are let through
    entrance.py    who comes in, and as what: tokens.py, attempts.py, sessions.py, cookie.py
    caller.py      from where a request comes: directly, or by a reverse proxy
    site.py        what every page works with: configuration, ledger, spool, clock
    page.py        views, actions and their answers
    visitor.py     who asks, and what he may do
    command.py     commands of the command line, in processes of their own
    counted.py     statistics, counted beside the pages
    rendering.py   templates
    errors.py      what is answered where no page can be
    pages/         one file a page
    now/           the page Now: its facts, chart and parts, and the streams that keep them true
    viewer.py      what the viewer of one series shows; pictures/ makes its pictures
    templates/     all words; one file a page
    static/        style, scripts, icons; nothing comes from elsewhere

It reads and changes the ledger as the command line does. What needs torch or much memory is done by
a command of the command line in a process of its own (command.py). It never imports torch.
"""

"""The status site: what the node does, for people who would rather look than type.

::

    server.py      uvicorn around the application; TLS
    app.py         the pages behind their guards, and the addresses for machines
    site.py        what every page works with: configuration, ledger, spool, clock
    page.py        views, actions and their answers
    visitor.py     who asks, and what he may do
    command.py     commands of the command line, in processes of their own
    rendering.py   templates
    pages/         one file a page
    templates/     all words; one file a page
    static/        style, scripts, icons; nothing comes from elsewhere

It reads and changes the ledger as the command line does. What needs torch or much memory is done by
a command of the command line in a process of its own (command.py). It never imports torch.
"""

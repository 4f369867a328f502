"""Every command block of the documents is run, or says why not.

A block without a language, or with `sh`, `bash` or `console`, is a block of commands; what is no
command says its language (`text`, `toml`, ...). A comment directly above a block says what becomes
of it:

- `<!-- state: NAME -->`: it runs, and so do the blocks after it up to the next state, one after the
  other in one folder, which tests/documents/states/NAME.py fills. `<!-- state: NAME; extended -->`:
  in `make extended`.
- `<!-- goes on -->`: it runs beside the blocks after it, e.g. `ich-node run`, to the end of the
  state.
- `<!-- not run: REASON -->`: a reason of blocks.REASONS; more may follow after a colon.
- `<!-- run by: .ci/run -->` or `<!-- run by: tests/x/test_y.py::test_z -->`: it runs elsewhere.
  `<!-- run by: make walk -->`: on an empty machine (docs/quickstart.md; tests/walk/newcomer.py).

In a `console` block a line `$ COMMAND` runs, and the lines below it are what it prints; a line
`...` stands for any lines. Commands of other blocks must succeed.

`python -m tests.documents.count` says how many there are of each; `python -m tests.documents.write`
writes what the commands print now into the documents.
"""

"""Does a frozen representation know more than the sequence itself?

- `source`: what every source gives; `sources.open_source` makes one of a text, e.g. ``one-hot`` or ``hf:models/bert``.
- `tasks.open_task`: what is asked; `suites`: published lists of tasks with their figures.
- `readouts.fit_readout`: the same small models for every source; `running.probe`: sources x tasks x readouts x seeds.
- `verdicts.judge`: better than one-hot or not; `audit.audit_source`: strands, shifts, tokens, and what averaging does.
- `zero_shot`, `attribution`: what language models say without a readout, and where they look.
"""

"""A course kit: exercises on losses and optimization, checked by students and graded by teachers.

An exercise is a template in `exercises/`, its texts in `words/`, its solution in `solutions/` and a
judge in `judges/`. A hand-in runs in a process of its own (`process.py`, `child/`), which imports
NumPy alone; the judge calls its functions through pipes and looks at what they return, so that
nothing that a hand-in prints, writes or replaces can make a verdict. Wrong gradients are named by
the gradient doctor.

`check` gives the verdicts on one file, `marks.grade` those on a class.
"""

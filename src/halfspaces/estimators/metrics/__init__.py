"""Figures that people decide by, each with a 95 % interval.

`evaluate` computes them, `compare` those of two classifiers on the same rows. Every figure is a
function of the rows' weights. Its standard error is that of the infinitesimal jackknife: how much
the figure changes with the weight of each row (`influence`). No bootstrap is drawn, so a figure of
a million rows takes a second, and has the same interval each time.
"""

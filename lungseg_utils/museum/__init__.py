"""Notebook 07: silent bugs, each switched on by its name, and the price of each.

`run` is a whole run, from files to scores, in seven small steps; `bugs` are steps that went wrong.
"""

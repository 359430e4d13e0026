"""Notebook 07: silent bugs, each switched on by name, and what each one costs.

`run` is a whole run, from files to scores, in seven small steps; `bugs` are steps that went wrong.
"""

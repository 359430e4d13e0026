"""Answers to the exercises, one module a notebook.

RIGHT names for each exercise at least two different answers that pass; WRONG at least three that a
learner might well give, each with words of the message that answers this very mistake.
"""

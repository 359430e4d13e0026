"""Answers to the exercises, one module a notebook.

RIGHT names for each exercise at least three different answers that pass; WRONG at least eight that
a learner might well give, each with words of the message that answers this very mistake.
"""

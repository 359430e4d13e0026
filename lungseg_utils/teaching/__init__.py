"""Figures, pictures that can be moved, and exercises.

`plots` draws the figures, `diagrams` the network, `scenes` the figures that can be moved, and
`widgets` are the controls that move them; `exercises` hold what learners are asked.
"""

"""Figures, interactive widgets and exercises.

`plots` draws the figures, `diagrams` the network, `scenes` the interactive figures, and
`widgets` are their controls; `exercises` hold what learners are asked.
"""

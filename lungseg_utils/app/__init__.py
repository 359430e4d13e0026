"""The networks without a notebook: the command `lungseg`.

`terminal` is the command itself. `batch` segments X-rays by the thousand, `jobs` finds them,
`report` makes a page of what was found, `download` fetches the Montgomery County set, and `doctor`
says what is installed.
"""

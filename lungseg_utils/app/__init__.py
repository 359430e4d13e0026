"""The networks without a notebook: the command `lungseg` and a page.

`terminal` is the command `lungseg`. `batch` segments X-rays by the thousand, `jobs` finds them,
`download` fetches the Montgomery County set, `doctor` says what is installed, and `page` is a page
on one's own computer.
"""

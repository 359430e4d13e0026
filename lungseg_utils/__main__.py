"""`python -m lungseg_utils` is the command `lungseg`."""

from lungseg_utils.app.terminal import run

if __name__ == "__main__":
    run()

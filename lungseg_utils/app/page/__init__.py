"""A page on one's own machine: drop an X-ray, see the outline, move the threshold.

`server` says where the page is and runs it, `guard` keeps other sites out, `app` gives each address
its answer, `queue` holds those who wait and what is kept in memory, `answers` looks at X-rays, and
`examples` simulates patients. What the browser gets is `index.html`, `style.css` and
`page.js`, and nothing from anywhere else.
"""


def serve(host: str = "127.0.0.1", port: int = 8501, open_browser: bool = True) -> None:
    """Show the page until Ctrl-C; says where it is, and who can reach it.

    Args: `host` an address of this machine to listen at; `port` the first to try, 0 for any that is
        free; `open_browser` whether to open the page in the default browser.
    Raises: ValueError if starlette or uvicorn is missing or `port` is not a port; OSError if `host`
        is not an address of this machine.
    """
    try:
        from . import server
    except ModuleNotFoundError as error:
        missing = error.name.split(".")[0]
        if missing not in ("starlette", "uvicorn"):
            raise
        raise ValueError(
            f'the page needs {missing}, which is missing: pip install "lungseg-utils[serve]"'
        ) from None
    server.serve_forever(_segmenter, host, port, open_browser)


def _segmenter():
    from .answers import Segmenter, warm_networks

    return Segmenter(warm_networks())

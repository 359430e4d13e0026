"""An executed notebook as one HTML file, which needs no network on a screen or on paper."""

import base64
import html
import io
import re
from pathlib import Path

import nbformat

from tools.installation import ROOT

BADGE = re.compile(r"!\[(Open in Colab)\]\([^)]*\)")
FORMULA = re.compile(r"`[^`]*`|\$([^$]+)\$")
TO_NOTEBOOK = re.compile(r'href="(\d\d_\w+)\.ipynb')
TO_ROOT = re.compile(r'href="\.\./')
POINTS = 10  # the size of a formula's letters, which are then 1 em
# nbconvert's page, without the scripts that it fetches from other hosts
TEMPLATE = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}<style>
.jp-Notebook .jp-OutputArea-child .jp-OutputArea-output { padding-left: 12px }
.jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere }
details { margin-bottom: 1em }
@media print {
  body { --jp-code-font-size: 10px; --jp-content-font-size1: 12px; --jp-ui-font-size1: 11px }
  .jp-InputPrompt, .jp-OutputPrompt { display: none }
  pre { white-space: pre-wrap !important }
  figure, tr, .jp-InputArea, .jp-OutputArea-child { break-inside: avoid }
  h1, h2, h3 { break-after: avoid }
  details::details-content { content-visibility: visible }  /* nobody can click on paper */
}
</style>{%- endblock -%}
"""


def write_html(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Write an executed notebook as one HTML file; its figures are within its outputs."""
    from nbconvert import HTMLExporter  # 1 s to import

    drawn = nbformat.from_dict(notebook)
    for cell in drawn.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(_drawn, BADGE.sub(r"\1", cell.source))
    exporter = HTMLExporter(raw_template=TEMPLATE)
    page, _ = exporter.from_notebook_node(drawn, resources={"metadata": {"name": target.stem}})
    page = TO_NOTEBOOK.sub(r'href="\1.html', page)
    page = TO_ROOT.sub(lambda _: f'href="{ROOT.as_uri()}/', page)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")


def _drawn(found: re.Match) -> str:
    """A formula of a Markdown cell as a picture within the line; code is left as it is."""
    if found[1] is None:
        return found[0]
    from matplotlib.font_manager import FontProperties  # only a notebook with formulas needs it
    from matplotlib.mathtext import math_to_image

    formula, file = " ".join(found[1].split()), io.BytesIO()
    font = FontProperties(size=POINTS, math_fontfamily="dejavusans")
    try:
        depth = math_to_image(f"${formula}$", file, font, format="svg", color="#212121")
    except ValueError:  # TeX that Matplotlib does not know stays as it was written
        return found[0]
    height = float(re.search(rb'height="([\d.]+)pt"', file.getvalue())[1])
    picture = base64.b64encode(file.getvalue()).decode()
    return (
        f'<img style="height:{height / POINTS:.2f}em; vertical-align:-{depth / POINTS:.2f}em" '
        f'alt="{html.escape(formula)}" src="data:image/svg+xml;base64,{picture}">'
    )

"""Draw the golden pictures and those of the README anew: ``python -m tests.golden_pictures``. Look at them before a commit."""

from pathlib import Path

from invoices.rendering.pdf import render_pdf, render_statement
from tests.golden_pictures.documents import GOLDEN, STATEMENTS, invoice
from tests.golden_pictures.pictures import draw

HERE = Path(__file__).parent
for name, make in GOLDEN.items():
    (HERE / f"{name}.png").write_bytes(draw(render_pdf(make())).png())
for name, make in STATEMENTS.items():
    (HERE / f"{name}.png").write_bytes(draw(render_statement(make()), 1 if "500" in name else 0).png())
pictures = HERE.parents[1] / "docs" / "pictures"
pictures.mkdir(exist_ok=True)
for language in ("zh", "en"):
    picture = draw(render_pdf(invoice(language)), scale=1.5, grey=False)
    (pictures / f"invoice-{language}.png").write_bytes(picture.png())

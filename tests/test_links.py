"""Links of every page and notebook: a relative one leads to a file, and to a heading where it names one. No network is asked."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

HOME = Path(__file__).parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)=[\"']([^\"']+)|^\[[^\]]+\]:\s*(\S+)", re.M)


def pages() -> list[Path]:
    """What git keeps, or would: no page of an environment or of a run."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md", "*.ipynb"], cwd=HOME, capture_output=True, text=True
    ).stdout.split()
    return [HOME / name for name in listed] or [*HOME.glob("*.md"), *HOME.glob("*/*.md"), *HOME.glob("notebooks/*.ipynb")]


def prose(path: Path) -> str:
    """A page's text without its code; of a notebook, what its markdown cells and its outputs say."""
    text = path.read_text()
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        parts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
        outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
        parts += [data["text/markdown"] for data in outputs if "text/markdown" in data]
        text = "\n\n".join("".join(part) for part in parts)
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def links(text: str) -> list[str]:
    return ["".join(groups) for groups in LINK.findall(text)]


def anchors(path: Path) -> set[str]:
    """What a page's headings are called in an address, as GitHub calls them."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S) if path.suffix == ".md" else prose(path)
    names, seen = (
        [re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.M)],
        {},
    )
    for name in names:
        seen[name] = seen.get(name, -1) + 1
    return {name if n == 0 else f"{name}-{n}" for name, last in seen.items() for n in range(last + 1)}


def fault(link: str, page: Path) -> str:
    """Why a link leads nowhere, or nothing."""
    parts = urlsplit(link)
    if parts.scheme:
        fine = parts.scheme in ("https", "http") and re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc)
        return "" if fine else "no form of a web address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(HOME):
        return "leaves the project"
    if not target.exists():
        return "no such file"
    if parts.fragment and parts.fragment not in anchors(target):
        return "no such heading"
    return ""


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(HOME)))
def test_links_lead_somewhere(page):
    assert {link: why for link in links(prose(page)) if (why := fault(link, page))} == {}


def test_the_pages_are_read_and_link_to_one_another():
    found = {page.relative_to(HOME).as_posix(): links(prose(page)) for page in pages()}
    assert {"README.md", "CONTRIBUTING.md", "notebooks/GLOSSARY.md", "data/README.md"} <= set(found)
    assert len(found) >= 16 and len(found["README.md"]) >= 8 and len(found["notebooks/00_start_here.ipynb"]) >= 8


@pytest.mark.parametrize("link", ["nowhere.md", "README.md#nothing", "ftp://a.b/c", "https:///x", "../outside.md"])
def test_a_wrong_link_is_found(link):
    assert links(f"see [it]({link}), ![it](README.md 'title') and [that][1]\n\n[1]: x.md\n") == [link, "README.md", "x.md"]
    assert fault(link, HOME / "page.md")
    assert not fault("README.md#a-map-of-the-house", HOME / "page.md")

"""The contact sheet of `darkroom corpus`: one page with every original beside its thumbnail."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ops.develop.outcome import Result
from shared.media import type_of

if TYPE_CHECKING:
    from ops.develop.compared import Compared

# Media types that browsers show. For an original of another type the page shows only its name.
_SHOWN = {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon"}
# Larger originals are linked, not embedded.
_MAX_INLINE_BYTES = 300_000

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Contact sheet</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }}
body {{ margin: 1.5rem; }}
h1 {{ font-size: 1.3rem; }}
.sheet {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .75rem; }}
figure {{ margin: 0; padding: .6rem; border: 1px solid #8885; border-radius: .5rem; }}
figure.bad {{ border-color: #d33; border-width: 2px; }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: .4rem; }}
.pair > * {{ height: 8.5rem; display: grid; place-items: center; border-radius: .3rem; overflow: hidden; color: #888;
  background: repeating-conic-gradient(#8883 0 25%, #fff3 0 50%) 0 / 16px 16px; text-align: center; font-size: .8rem; }}
img {{ max-width: 100%; max-height: 8.5rem; min-width: 0; }}
figcaption {{ margin-top: .4rem; overflow-wrap: anywhere; }}
figcaption b {{ font-weight: 600; }}
figcaption span {{ color: #888; font-size: .85rem; display: block; }}
</style></head><body>
<h1>Contact sheet</h1><p>{summary}</p><p>Left: the original as this browser shows it. Right: the thumbnail.</p>
<div class="sheet">
{figures}
</div></body></html>
"""


def contact_sheet(results: Sequence[Result], compared: Mapping[str, "Compared"] | None = None) -> str:
    """Return one HTML page with everything embedded except large originals, which it links. Failures come first."""
    worst = {"rendered": 2, "rejected": 1}
    pairs = compared or {}
    ordered = sorted(results, key=lambda result: worst.get(result.outcome, 0))
    ordered.sort(key=lambda result: not (result.path in pairs and pairs[result.path].differences))
    number = {
        outcome: sum(r.outcome == outcome for r in results) for outcome in dict.fromkeys(r.outcome for r in ordered)
    }
    summary = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in number.items())
    figures = "\n".join(_figure(result, pairs.get(result.path)) for result in ordered)
    return _PAGE.format(summary=f"{len(results)} files: {escape(summary)}.", figures=figures)


def _figure(result: Result, compared: "Compared | None") -> str:
    path = Path(result.path)
    left = _original(path) if compared is None else _in_chromium(compared)
    if result.pictures:
        thumb = result.pictures[0]
        right = f'<div><img alt="" loading="lazy" src="{_inline(thumb.body, thumb.content_type)}"></div>'
        words = f"{result.format} {result.width_px} x {result.height_px}, {thumb.extension}, "
        words += f"{result.seconds * 1000:.0f} ms, {result.peak_mb:.0f} MB"
    else:
        right = f"<div>{escape(result.outcome.replace('_', ' '))}<br>{escape(result.code)}</div>"
        words = result.reason
    if compared and compared.differences:
        words += "; " + "; ".join(compared.differences)
    good = result.outcome in {"rendered", "rejected"} and not (compared and compared.differences)
    bad = "" if good else ' class="bad"'
    return (
        f'<figure{bad}><div class="pair">{left}{right}</div>'
        f"<figcaption><b>{escape(path.name)}</b><span>{escape(words)}</span></figcaption></figure>"
    )


def _in_chromium(compared: "Compared") -> str:
    if not compared.shown:
        return "<div>Chromium does not show it</div>"
    return f'<div><img alt="" loading="lazy" src="{_inline(compared.shown, "image/png")}"></div>'


def _original(path: Path) -> str:
    content_type = type_of(path.name)
    if content_type not in _SHOWN:
        return f"<div>no browser shows<br>{escape(path.suffix or 'this')}</div>"
    small = path.stat().st_size <= _MAX_INLINE_BYTES
    source = _inline(path.read_bytes(), content_type) if small else path.resolve().as_uri()
    return f'<div><img alt="not shown" loading="lazy" src="{source}"></div>'


def _inline(body: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(body).decode()}"

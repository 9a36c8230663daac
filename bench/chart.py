"""Draws a bar chart as SVG for a README in the light and in the dark theme."""

from collections.abc import Mapping
from html import escape
from typing import Protocol

_SHOWN = ("Darkroom", "sharp", "pyvips", "OpenCV", "naive Pillow")
_COLOURS = {
    "Darkroom": "#e0702a",
    "sharp": "#5b8fd0",
    "pyvips": "#5fa777",
    "OpenCV": "#9a7fc4",
    "naive Pillow": "#8d939c",
}
_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _GROUP = 760, 170, 90, 13, 3, 16
_TOP = 62


class Timed(Protocol):
    """Any measurement with a median."""

    @property
    def milliseconds(self) -> float:
        """Milliseconds."""


def chart(rows: Mapping[str, Mapping[str, Timed]]) -> str:
    """Returns the chart of milliseconds per candidate and photo. `rows`: label -> candidate -> median.

    Each label has one row. The chart shows the first file of each kind, and omits files that only Darkroom can read.
    """
    drawn: dict[str, Mapping[str, Timed]] = {}
    for label, row in rows.items():
        if "pyvips" in row or "sharp" in row:
            drawn.setdefault(label.split(" (")[0], row)
    longest = max(t.milliseconds for row in drawn.values() for name, t in row.items() if name in _SHOWN)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    parts: list[str] = []
    y = _TOP
    for label, row in drawn.items():
        names = [name for name in _SHOWN if name in row]
        middle = y + len(names) * (_BAR + _GAP) / 2 + 3
        parts.append(f'<text class="label" x="{_LEFT - 12}" y="{middle:.0f}" text-anchor="end">{escape(label)}</text>')
        for name in names:
            width = max(1.0, row[name].milliseconds * scale)
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{_COLOURS[name]}"/>'
            )
            weight = ' font-weight="600"' if name == "Darkroom" else ""
            text = f"{row[name].milliseconds:.0f} ms"
            parts.append(f'<text class="value" x="{_LEFT + width + 6:.1f}" y="{y + _BAR - 3}"{weight}>{text}</text>')
            y += _BAR + _GAP
        y += _GROUP
    x = float(_LEFT)
    for name in _SHOWN:
        parts.append(f'<rect x="{x:.0f}" y="34" width="11" height="11" rx="2" fill="{_COLOURS[name]}"/>')
        parts.append(f'<text class="label" x="{x + 16:.0f}" y="44">{escape(name)}</text>')
        x += 34 + 7.2 * len(name)
    style = (
        "text{font:12px system-ui,sans-serif;fill:#24292f}.value{font-size:11px;fill:#57606a}"
        ".title{font-size:14px;font-weight:600}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.value{fill:#9198a1}}"
    )
    title = "A 1600 px view and a 400 px thumbnail of one photo, one core (shorter is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" role="img" '
        f'aria-label="{title}"><style>{style}</style><text class="title" x="16" y="20">{title}</text>'
        + "".join(parts)
        + "</svg>\n"
    )

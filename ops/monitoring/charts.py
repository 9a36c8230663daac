"""Draws charts as SVG with Vega-Lite. The CSS variables of the page around a chart set its colours."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ops.monitoring.panels import Panel
from ops.monitoring.summary import Point

# The width of a phone's page. A phone shows a chart at about this size, and a desktop shows three charts side by side.
WIDTH_PX, HEIGHT_PX = 340, 170
VEGA_LITE = "5.21"
_FONT = "system-ui, sans-serif"
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--dim)",
        "titleColor": "var(--dim)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": "var(--ink)", "labelFontSize": 11, "symbolStrokeWidth": 0, "symbolSize": 70},
    "text": {"color": "var(--ink)", "fontSize": 11},
}


def panel_chart(panel: Panel, points: Sequence[Point], begin: datetime, end: datetime, seconds: int) -> str:
    """Draw the panel's series over time in bins of `seconds`, as stacked bars or as lines."""
    colours = {series.label: f"var(--{series.colour})" for series in panel.series}
    return time_chart(points, colours, panel.unit, begin, end, seconds, bars=panel.kind == "bars")


def time_chart(
    points: Sequence[Point],
    colours: dict[str, str],
    unit: str,
    begin: datetime,
    end: datetime,
    seconds: int,
    *,
    bars: bool = False,
) -> str:
    """Draw `points` over time. `colours` has each series' CSS colour in the order of the legend.

    The legend omits series without points."""
    named = {point.label for point in points}
    colours = {label: colour for label, colour in colours.items() if label in named}
    shown, divisor = _readable(unit, [point.value for point in points])
    rows: list[dict[str, Any]] = [
        {
            "at": _ms(point.at),
            "to": _ms(point.at) + seconds * 1000,
            "middle": _ms(point.at) + seconds * 500,
            "label": point.label,
            "value": point.value / divisor,
        }
        for point in points
    ]
    domain = [_ms(begin) // (seconds * 1000) * seconds * 1000, _ms(end) + seconds * 1000]
    time: dict[str, Any] = {
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "domain": domain},
        "axis": {"tickCount": 3, "grid": False, "labelOverlap": True, "labelFlush": True, "format": _clock(begin, end)},
    }
    value: dict[str, Any] = {"field": "value", "type": "quantitative", "title": shown, "axis": {"tickCount": 4}}
    if bars:
        mark: Any = {"type": "rect"}
        across = {"x": time | {"field": "at"}, "x2": {"field": "to"}, "y": value, "y2": {"field": "base"}}
        if (top := _stack(rows, list(colours))) < 4:  # uploads are whole numbers
            value["axis"] = {"values": list(range(round(top) + 1)), "format": "d"}
    else:
        mark = {"type": "line", "strokeWidth": 2, "point": {"size": 22}}
        across = {"x": time | {"field": "middle"}, "y": value}
    colour = {
        "field": "label",
        "type": "nominal",
        "sort": list(colours),
        "scale": {"domain": list(colours), "range": list(colours.values())},
        "legend": _LEGEND if len(colours) > 1 else None,
    }
    return _svg({"data": {"values": rows}, "mark": mark, "encoding": across | {"color": colour}}, HEIGHT_PX)


_LEGEND = {"title": None, "orient": "top", "symbolType": "square", "offset": 6, "columnPadding": 18}
_INK = {"labelColor": "var(--ink)"}


def ranking(rows: Sequence[tuple[str, str, int]]) -> str:
    """Draw horizontal bars with their numbers from (label, CSS colour, count), in the given order."""
    data = [{"label": label, "colour": colour, "count": count} for label, colour, count in rows]
    y = {"field": "label", "type": "nominal", "sort": None, "title": None}
    # The reader's font may be wider than the font that is measured here.
    room_px = round(6.6 * max((len(label) for label, _, _ in rows), default=0))
    spec = {
        "data": {"values": data},
        "encoding": {
            "y": y | {"axis": {"ticks": False, "domain": False, "labelLimit": 0, "minExtent": room_px, **_INK}},
            "x": {"field": "count", "type": "quantitative", "axis": None},
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": 14, "cornerRadiusEnd": 2},
                "encoding": {"color": {"field": "colour", "type": "nominal", "scale": None}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"text": {"field": "count", "type": "quantitative"}},
            },
        ],
    }
    return _svg(spec, 24 * len(data))


def _stack(rows: list[dict[str, Any]], order: list[str]) -> float:
    """Stack rows of the same time, the first at the bottom; return the highest top."""
    tops: dict[int, float] = {}
    for row in sorted(rows, key=lambda row: order.index(row["label"])):
        row["base"] = tops.get(row["at"], 0)
        row["value"] += row["base"]
        tops[row["at"]] = row["value"]
        gap_ms = (row["to"] - row["at"]) / 12
        row["at"], row["to"] = row["at"] + gap_ms, row["to"] - gap_ms
    return max(tops.values(), default=0)


def _svg(spec: dict[str, Any], height_px: int) -> str:
    import vl_convert  # a slow import, which other commands do not need

    whole: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": WIDTH_PX,
        "height": height_px,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": 2,
        "background": None,
        "config": _CONFIG,
    }
    return vl_convert.vegalite_to_svg(whole | spec, vl_version=VEGA_LITE)


def _readable(unit: str, values: Sequence[float]) -> tuple[str, float]:
    """Return the axis unit and its divisor: seconds instead of thousands of ms, MB instead of bytes."""
    largest = max(values, default=0)
    if unit == "ms" and largest >= 2000:
        return "seconds", 1000
    if unit == "bytes":
        return ("MB", 1e6) if largest >= 1e6 else ("kB", 1e3)
    return unit, 1


def _clock(begin: datetime, end: datetime) -> str:
    if end - begin > timedelta(days=2):
        return "%d %b"
    return "%H:%M" if end - begin > timedelta(minutes=4) else "%H:%M:%S"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

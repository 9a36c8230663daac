"""Fingers on a touch screen."""

from playwright.sync_api import CDPSession


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    """Dispatch a touch event with these points of the window that are touched."""
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

"""Chromium, Firefox and WebKit of the Linux distribution, driven through one small WebDriver client."""

"""The one loader of a site folder: site.toml in, :class:`policies.site.Site` out, or one ConfigError."""

from __future__ import annotations

from pathlib import Path

from policies.layout import layout
from policies.sample import sample_site_toml
from policies.site import Site
from policies.toml import Place, read_section, read_toml

__all__ = ["SITE_FILE", "load_site", "sample_site_toml"]

#: The declaration's file name in a site folder.
SITE_FILE = "site.toml"


def load_site(folder: Path) -> Site:
    """Load `folder`/site.toml.

    Everything wrong in it (syntax, unknown or missing key, type, range, contradiction, a secret in clear) raises
    ConfigError with file, dotted key and next step; the first fault found is told. Exceptions that have expired load.
    """
    # A watchdog of the site runs in another working directory.
    path = folder.absolute() / SITE_FILE
    site: Site = read_section(layout(), read_toml(path), Place(str(path)))
    return site

"""The commented sample of site.toml, written from the loader's own table so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterator

from policies.layout import layout
from policies.texts import Text, render, t
from policies.texts.wrap import wrap
from policies.toml import Key, Section

_WIDTH = 110


def sample_site_toml(language: str) -> str:
    """Give a site.toml that loads as it is: [site] with its name, every other option as a comment.

    Prose begins with `# `, an option with `#` alone: take the `#` away to use it. `language` is zh or en.
    """
    root = layout()
    lines = [*_prose(root.about, language)]
    for section in root.sections:
        lines += _section(section, (), language, active=section.named is None)
    return "\n".join(lines) + "\n"


def _section(section: Section, above: tuple[str, ...], language: str, *, active: bool) -> Iterator[str]:
    path = (*above, section.name, *([section.sample_name] if section.named else []))
    mark = "" if active else "#"
    header = ".".join(path)
    yield ""
    yield from _prose(section.about, language)
    yield mark + (f"[[{header}]]" if section.many else f"[{header}]")
    for key in section.keys:
        yield ""
        yield from _notes(key, language)
        yield ("" if active and key.required else "#") + f"{key.name} = {key.sample}"
    for below in section.sections:
        yield from _section(below, path, language, active=False)


def _notes(key: Key, language: str) -> Iterator[str]:
    yield from _prose(key.about, language)
    yield from _prose(t("Values: {values}.", values=key.values), language)
    if key.required:
        yield from _prose(t("Required."), language)
    elif key.default in (None, "", ()):
        yield from _prose(t("Default: none."), language)
    else:
        yield from _prose(t("Default: {default}.", default=_toml(key.default)), language)
    if key.instead:
        yield from _prose(t("Not together with {key}.", key=key.instead), language)
    if key.security is not None:
        yield from _prose(t("Security: {advice}", advice=key.security), language)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _prose(text: Text, language: str) -> list[str]:
    return ["# " + line for line in wrap(render(text, language), _WIDTH)]

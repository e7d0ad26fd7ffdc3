"""What a user reads: every sentence is an English text with named values, translated where it is shown.

Rules and drivers make a :class:`Text`; only the edge (CLI, page, report) calls :func:`render` with a language.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

#: Languages with a catalogue; the texts in the code are English.
LANGUAGES = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence to be translated: `message` is the English format string, `values` fill its {names}.

    A value may itself be a Text; it is rendered in the same language.
    """

    message: str
    values: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        """Give the English sentence."""
        return render(self, "en")


def t(message: str, **values: object) -> Text:
    """Mark `message` for translation; it must be a literal, so that the extractor and the completeness test see it."""
    return Text(message, tuple(values.items())) if values else _bare(message)


@cache
def _bare(message: str) -> Text:
    """Make each sentence without values once: verdicts on thousands of ports say the same few."""
    return Text(message)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation("portseal", localedir=os.path.dirname(__file__), languages=[language])  # noqa: PTH120 - as in base.py


def render(text: Text | str, language: str) -> str:
    """Give the sentence in `language` (one of LANGUAGES); a plain string (a device's own words) passes unchanged."""
    if isinstance(text, str):
        return text
    translated = _catalogue(language).gettext(text.message)
    if not text.values:
        return translated
    filled = {name: render(value, language) if isinstance(value, Text) else value for name, value in text.values}
    return translated.format(**filled)


def listed(texts: Sequence[Text]) -> Text | str:
    """Join sentences or words in the way of the reader's language."""
    if len(texts) < 2:
        return texts[0] if texts else ""
    return t("{first}, {rest}", first=texts[0], rest=listed(texts[1:]))

"""Build hook: compile the gettext catalogues, so that no binary is kept in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalogues(BuildHookInterface[Any]):
    """Writes portseal.mo beside each portseal.po of policies/texts and ships it in the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every catalogue; called by hatchling for wheels and editable installs."""
        for source in sorted(Path(self.root, "policies", "texts").glob("*/LC_MESSAGES/portseal.po")):
            target = source.with_suffix(".mo")
            with source.open("rb") as read:
                catalogue = read_po(read)
            with target.open("wb") as write:
                write_mo(write, catalogue)
            build_data["artifacts"].append(str(target.relative_to(self.root)))

"""serve: the running controller."""

from __future__ import annotations

import click

from controller.cli.base import Speaking, h, settings
from policies.texts import t


@click.command(
    cls=Speaking,
    help=h(
        "Run the controller: the broker, card swipes, terminals, the ledger. Until it is stopped (Ctrl-C, SIGTERM);"
        " leases that are open then go on until their end, and nothing new opens."
    ),
)
@click.pass_context
def serve(context: click.Context) -> int:
    """See the help text."""
    import logging
    import signal
    import sys

    from controller.cli.session import site_context
    from controller.serving import serving

    chosen = settings(context)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    with site_context(chosen) as site, serving(site) as running:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.server.stop())
        chosen.note(t("The controller of {site} is at work. Stop it with Ctrl-C.", site=site.site.name))
        running.server.run()
        chosen.note(t("The controller has stopped."))
    return 0

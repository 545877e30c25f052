"""`packhouse up`: everything in one command, from the first start on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.standalone import checks, services
from app.standalone.errors import CannotStart
from app.standalone.leftovers import RunRecord
from app.standalone.lock import only_run
from app.standalone.migration import migrate
from app.standalone.parts import own_parts, shown_url
from app.standalone.secret_file import SECRETS_FILE, kept_secrets
from app.standalone.stopping import StopRequested, StopSignals
from app.standalone.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.standalone.services import Services
    from config.settings import Settings

_ATTEMPTS = 3


def up(settings: Settings, *, wants_s3: bool, say: Callable[[str], None]) -> None:
    """Run everything until a signal comes; nothing is left running afterwards.

    Takes the process's signals over. ``say`` is given each line for the user to see.

    Raises:
        CannotStart: something stands in the way.
        SettingsError: the settings are unsafe.
    """
    data_directory = settings.data_dir.absolute()
    checks.prepare_data_directory(data_directory)
    checks.require_disk_space(data_directory)
    signals = StopSignals()
    signals.listen()
    with only_run(data_directory, shown_url(settings)):
        record = RunRecord(data_directory / "run")
        record.end_leftovers(say)
        checks.require_free_address(settings.host, settings.port)
        secrets = kept_secrets(data_directory / SECRETS_FILE)

        def plan() -> Services:
            planned = services.plan(settings, secrets, data_directory, wants_s3=wants_s3)
            planned.settings.require_services_and_secrets()
            return planned

        supervisor = Supervisor(record, signals, say)
        try:
            planned = start_servers(supervisor, plan)
            services.remember(planned, data_directory)
            # At once: a password among it is never told again.
            for line in migrate(planned.env, signals):
                say(line)
            supervisor.start(own_parts(planned.settings, planned.env, data_directory / "logs"))
            say(f"Packhouse serves at {shown_url(settings)}")
            say("Ctrl-C stops it.")
            supervisor.watch()
        except StopRequested:
            say("Stopping; once more to hurry.")
        finally:
            supervisor.stop()


def start_servers(supervisor: Supervisor, plan: Callable[[], Services]) -> Services:
    """Start what is planned and return it; if that fails and the plan is another by now, again.

    A port that was free when it was chosen may be taken when its server wants it.

    Raises:
        CannotStart: it failed for another reason, or time and again.
        StopRequested: a signal came first.
    """
    planned = plan()
    for _ in range(_ATTEMPTS - 1):
        try:
            supervisor.start(planned.parts)
        except CannotStart:
            supervisor.stop()
            anew = plan()
            if [part.argv for part in anew.parts] == [part.argv for part in planned.parts]:
                raise
            planned = anew
        else:
            return planned
    supervisor.start(planned.parts)
    return planned

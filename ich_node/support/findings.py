"""What is wrong, as `ich-node doctor` sees it; and services, certificates, disks and clock."""

from ich_node.config.config import Config
from ich_node.doctor import Checked, Installation, examine
from ich_node.doctor.clock import clock_is_synchronized
from ich_node.health.certificates import certificates
from ich_node.health.disks import disks
from ich_node.processes.running import running_services
from ich_node.support.settings import without_secrets
from ich_node.support.support_file import SupportFile, json_part


def findings(there: Installation) -> SupportFile:
    """Not every file of the spool: that may take minutes."""
    checked = list(examine(there, files=False))
    config = there.config
    return json_part(
        "findings.json",
        "what is wrong: troubles, settings, services, rights, disks, clock",
        {
            "findings": [complaint for check in checked for complaint in _complaints(check)],
            "not checked": {
                each.name: without_secrets(each.not_checked or each.said)
                for each in checked
                if each.not_checked or each.said
            },
            "services of this host": _services(config) if config is not None else [],
            "certificates": certificates(config) if config is not None else [],
            "disks": disks(config) if config is not None else [],
            "clock follows a server": clock_is_synchronized(),
        },
    )


def _complaints(check: Checked) -> list[dict[str, str]]:
    return [
        {
            "about": check.name,
            "sentence": without_secrets(each.sentence),
            "remedy": without_secrets(each.remedy),
        }
        for each in check.complaints
    ]


def _services(config: Config) -> list[dict[str, object]]:
    try:
        running = running_services(config.spool.path)
    except PermissionError:  # among the findings
        return []
    return [{"name": each.name, "pid": each.pid, "config": each.config} for each in running]

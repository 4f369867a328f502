"""Under which heading `ich-node --help` shows a command."""

GROUPS = {
    "Try it": ("demo", "demo-web", "phantom", "read", "explain"),
    "Set it up": (
        "install-service",
        "uninstall-service",
        "config",
        "check-config",
        "echo",
        "commission",
        "conformance",
        "rules",
        "alerts",
    ),
    "Services": (
        "run",
        "receive",
        "analyse",
        "send",
        "web",
        "web-address",
        "ready",
        "reload",
        "pause",
        "resume",
        "drain",
    ),
    "Every day": ("jobs", "deliveries", "pull", "verdicts", "statistics"),
    "Through the years": ("doctor", "backup", "restore", "migrate", "support-bundle"),
    "Models": ("model", "adapt", "tune", "evaluate", "train"),
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
ORDER = tuple(GROUP_OF)

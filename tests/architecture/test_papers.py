"""Hold what we tell people against what the code does: papers, image and compose file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from pydantic import ValidationError

from billing.environment import ROOT, Environment

PAPERS = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("**/*.md")),
]
SETTINGS = {str(field.alias): field for field in Environment.model_fields.values()}
# Read by others than Huadan itself, in the image or the compose file.
FOREIGN = {
    "PATH": "the shell",
    "PYTHONUNBUFFERED": "Python",
    "PYTHONDONTWRITEBYTECODE": "Python",
    "UV_COMPILE_BYTECODE": "uv",
    "UV_LINK_MODE": "uv",
    "PROMETHEUS_MULTIPROC_DIR": "prometheus_client",
    "POSTGRES_USER": "the postgres image",
    "POSTGRES_DB": "the postgres image",
    "POSTGRES_PASSWORD": "the postgres image, and docker-compose.yml for migrate's DATABASE_URL",
    "POSTGRES_APP_PASSWORD": "grant_application, and docker-compose.yml for DATABASE_URL",
    "POSTGRES_INITDB_ARGS": "the postgres image",
}
OURS = ("web", "worker", "beat", "migrate")
FILLED_IN = {
    "HUADAN_SECRET_KEY": "s" * 50,
    "HUADAN_NUMBER_KEY": "n" * 50,
    "POSTGRES_PASSWORD": "p" * 48,
    "POSTGRES_APP_PASSWORD": "a" * 48,
}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    document = yaml.safe_load(text_of("docker-compose.yml"))
    assert isinstance(document, dict)
    return document


def instructions() -> list[tuple[str, str]]:
    """Split the Dockerfile into instructions, continuation lines joined."""
    lines = [line for line in text_of("Dockerfile").splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def example_environment() -> dict[str, str]:
    """Read .env.example as compose does."""
    pairs = (line.split("=", 1) for line in text_of(".env.example").splitlines() if re.match(r"[A-Z_]+=", line))
    return dict(pairs)


def environment_of(service: str) -> dict[str, str]:
    """Return what a container of ours sees: .env filled in, then the service's own with ${…} replaced."""
    outside = example_environment() | FILLED_IN
    own = {
        name: re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: outside[found.group(1)], str(value))
        for name, value in compose()["services"][service]["environment"].items()
    }
    return outside | own


def settings_from(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> Environment:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        if name in SETTINGS:
            monkeypatch.setenv(name, value)
    return Environment()  # type: ignore[call-arg]


# -- environment names -------------------------------------------------------------------------------------------------


def test_every_variable_of_the_compose_file_is_read_by_someone() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", text_of("docker-compose.yml")))
    for service in compose()["services"].values():
        used |= set(service.get("environment", {}))
    assert used - set(SETTINGS) - set(FOREIGN) == set()


def test_every_variable_of_the_image_is_read_by_someone() -> None:
    used = set()
    for word, rest in instructions():
        if word in {"ENV", "ARG", "RUN"}:
            used |= set(re.findall(r"(?:^|\s)([A-Z][A-Z_]+)=", rest))
    assert "HUADAN_SECRET_KEY" in used
    assert used - set(SETTINGS) - set(FOREIGN) == set()


def test_no_secret_stays_in_the_image() -> None:
    assert not [
        rest for word, rest in instructions() if word in {"ENV", "ARG"} and re.search("KEY|PASSWORD|_URL|TOKEN", rest)
    ]


def test_every_variable_of_the_example_exists() -> None:
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", text_of(".env.example"), re.MULTILINE))
    assert named - set(SETTINGS) - set(FOREIGN) == set()
    assert set(FILLED_IN) <= named
    assert all(example_environment()[name] == "" for name in FILLED_IN), "an example must hold no secret"


@pytest.mark.parametrize("service", OURS)
def test_a_container_finds_settings_it_accepts(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_from(monkeypatch, environment_of(service))
    assert not found.embedded
    assert found.secure
    assert found.redis_url, "without REDIS_URL a container would look for the embedded Valkey"


def test_what_a_container_needs_is_refused_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = environment_of("web")
    for name in ("HUADAN_SECRET_KEY", "HUADAN_NUMBER_KEY"):
        with pytest.raises(ValidationError, match=name):
            settings_from(monkeypatch, complete | {name: ""})


def test_the_operations_page_lists_every_setting() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", text_of("docs/operations.md"), re.MULTILINE)
    assert rows == [(alias, written(field.default), field.description) for alias, field in SETTINGS.items()]


def written(default: Any) -> str:
    """Write a default as a person sets it."""
    if default is None or default == "":
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


# -- image and compose file ----------------------------------------------------------------------------------------------


def test_the_image_is_built_in_stages_from_the_lock_and_runs_as_nobody_special() -> None:
    steps = instructions()
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.1[1-3]-slim[a-z-]*", base) for base in bases), "an image by its plain name"
    last = max(index for index, (word, _) in enumerate(steps) if word == "FROM")
    users = [rest for word, rest in steps[last:] if word == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}
    assert [word for word, _ in steps[last:]][-1] == "CMD"
    assert "HEALTHCHECK" in [word for word, _ in steps[last:]]
    installs = [rest for word, rest in steps if word == "RUN" and re.search(r"pip (install|sync)", rest)]
    assert installs
    assert all("--require-hashes" in install for install in installs)


def test_the_image_copies_what_exists_and_every_app() -> None:
    copied = [rest.split()[0] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps <= set(copied)


def test_the_build_context_holds_what_is_copied_and_no_more() -> None:
    lines = [line for line in text_of(".dockerignore").splitlines() if line and not line.startswith("#")]
    copied = {rest.split()[0] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")}
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied


def test_every_installed_app_comes_with_the_lock_for_use() -> None:
    from importlib.metadata import packages_distributions

    from django.conf import settings

    locked = set(re.findall(r"^([a-z0-9-]+)==", text_of("requirements.lock"), re.MULTILINE))
    homes = packages_distributions()
    tops = {app.partition(".")[0] for app in settings.INSTALLED_APPS}
    # settings.py installs this one only where it is there.
    third_party = {top for top in tops if not (ROOT / top).is_dir()} - {"django_linear_migrations"}
    missing = {
        top for top in third_party if not {re.sub(r"[-_.]+", "-", home).lower() for home in homes.get(top, [])} & locked
    }
    assert missing == set()


def test_the_compose_file_has_every_part_and_each_says_whether_it_is_well() -> None:
    services = compose()["services"]
    assert set(services) == {*OURS, "postgres", "redis"}
    assert all(service.get("restart") for service in services.values())
    for name in ("worker", "beat", "postgres", "redis"):
        assert services[name]["healthcheck"]["test"], name
    assert "healthcheck" not in services["web"], "the image's own asks /healthz"
    assert services["migrate"]["healthcheck"] == {"disable": True}, "a one-shot has no server to ask"
    for name in ("web", "worker", "beat"):
        conditions = {other: told["condition"] for other, told in services[name]["depends_on"].items()}
        assert conditions == {
            "postgres": "service_healthy",
            "redis": "service_healthy",
            "migrate": "service_completed_successfully",
        }


def test_data_outlive_containers_and_only_the_web_server_listens() -> None:
    document = compose()
    mounted = {
        volume.partition(":")[0] for service in document["services"].values() for volume in service.get("volumes", [])
    }
    assert mounted == set(document["volumes"]) == {"postgres", "redis"}
    open_ports = {name: service["ports"] for name, service in document["services"].items() if "ports" in service}
    assert open_ports == {"web": ["127.0.0.1:8000:8000"]}


def test_containers_run_commands_that_exist() -> None:
    services = compose()["services"]
    for name in ("worker", "beat"):
        assert re.match(rf"celery -A billing\.celery {name}\b", services[name]["command"])
    for called in re.findall(r"manage\.py (\w+)", services["migrate"]["command"]):
        assert called in get_commands()
    assert environment_of("migrate")["DATABASE_URL"].startswith("postgresql://huadan:")
    for name in ("web", "worker", "beat"):
        assert environment_of(name)["DATABASE_URL"].startswith("postgresql://huadan_app:"), "owns no table"
    uid = next(found.group(1) for _, rest in instructions() if (found := re.search(r"useradd.* --uid (\d+)", rest)))
    assert services["web"]["tmpfs"] == [f"/run/metrics:uid={uid},mode=0700"]


# -- papers ------------------------------------------------------------------------------------------------------------


def anchors_of(path: Path) -> set[str]:
    """Name a page's headings as addresses have them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    text = re.sub(r"```.*?```", "", paper.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        assert not target.startswith("http"), f"{target}: the project stands alone"
        name, _, anchor = target.partition("#")
        found = (paper.parent / name).resolve() if name else paper
        assert found.exists(), target
        assert not anchor or anchor in anchors_of(found), target


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_papers_name_exist(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    targets = set(re.findall(r"^([a-z%-]+):", text_of("Makefile"), re.MULTILINE))
    for target in re.findall(r"\bmake ([a-z][a-z-]*)", code):
        assert target in targets or target.startswith("bench-"), f"make {target}"
    for command in re.findall(r"manage\.py ([a-z_]+)", code):
        assert command in get_commands(), f"manage.py {command}"
    for module in re.findall(r"-m (billing[\w.]*)", code):
        place = ROOT / module.replace(".", "/")
        assert (place / "__main__.py").exists() or place.with_suffix(".py").exists(), module
    for variable in re.findall(r"\b(HUADAN_[A-Z_]+)\b", code):
        assert variable in SETTINGS or variable in {"HUADAN_URL", "HUADAN_KEY"}, variable


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_papers_name_exist(paper: Path) -> None:
    apps = "billing|tenants|usage|invoices|tests|docs"
    text = re.sub(r"```.*?```", "", paper.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(rf"`((?:{apps})/[\w./-]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def skeleton_of(name: str) -> list[tuple[str, str]]:
    """Return what two languages of a page must share: levels of headings, commands, links, list marks."""
    parts = []
    fenced = ""
    for line in text_of(name).splitlines():
        if line.startswith("```"):
            fenced = "" if fenced else line
            parts.append(("fence", line))
        elif fenced == "```sh":
            parts.append(("command", line.partition("#")[0].strip()))
        elif fenced:
            parts.append(("diagram", re.sub(r"[^\x00-\x7f]+", "", line).split("[")[0].split("--")[0]))
        elif found := re.match(r"(#+|\d\.|-) ", line):
            parts.append(("mark", found.group(1)))
    return parts


def test_both_readmes_have_the_same_sections_and_commands() -> None:
    assert skeleton_of("README.md") == skeleton_of("README.zh-CN.md")
    links = [
        set(re.findall(r"\]\(([^)]+)\)", text_of(name))) - {"README.md", "README.zh-CN.md"}
        for name in ("README.md", "README.zh-CN.md")
    ]
    assert links[0] == links[1]


def test_the_readme_is_not_a_wall() -> None:
    for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md"):
        assert len(text_of(name).splitlines()) <= 110, name


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    newest = re.search(r"^## (\S+).*?\n(.*?)(?=^## |\Z)", text_of("CHANGELOG.md"), re.MULTILINE | re.DOTALL)
    assert newest is not None
    assert newest.group(1) == version
    assert re.search(r"^- .+", newest.group(2), re.MULTILINE)


def test_the_licence_is_the_one_the_project_names() -> None:
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    licence = text_of("LICENSE")
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_decisions_are_numbered_and_say_why() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What we face", "What we do", "What follows"], page.name

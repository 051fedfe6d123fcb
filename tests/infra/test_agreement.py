"""What stands beside the code and speaks of it: alerts, their page, roles, deployment, costs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tools import costs, terraform_values
from tools.terraform_files import Resource, read

ROOT = Path(__file__).parents[2]
MODULE = read(ROOT / "infra")
OPERATING = (ROOT / "docs" / "operating.md").read_text()
SOURCES = "".join(path.read_text() for path in sorted((ROOT / "functions").rglob("*.py")))
BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())


def unquoted(text: str) -> str:
    return text.strip('"')


def alerts() -> set[str]:
    """The alerts' names: those that are counted, and the policies that stand alone."""
    counted = {unquoted(name) for name in MODULE.locals["counted_alerts"] if not name.startswith("__")}
    text = (ROOT / "infra" / "alerts.tf").read_text()
    return counted | set(re.findall(r'alert = "([a-z-]+)"', text))


def test_every_alert_has_its_place_on_the_page_and_the_page_no_other() -> None:
    headings = set(re.findall(r"^### ([a-z-]+)$", OPERATING, re.MULTILINE))
    assert headings == alerts()
    assert {"jobs-failing", "oldest-pending", "stuck-leases", "gpu-pool-at-zero", "quota-refusals"} <= headings


# What each metric's filter looks for, and the code that writes it.
WRITTEN = {
    "jobs_ended": 'log.info("job event: %s"',
    "requests_pending": 'log.info("reconciled: %s"',
    "leases_lapsed": 'log.warning("lease lapsed while %s"',
    "waiting_for_gpu": 'log.info("waits for a GPU"',
    "gpu_refuses": 'log.error("the GPU service refuses us',
    "storage_refuses": 'log.error("the object storage refuses us',
    "quota_refusals": 'log.info("refused: %s"',
    "queues_paused": 'log.error("queues paused: ',
    "unexpected_errors": 'log.exception("unexpected"',
}


@pytest.mark.parametrize("metric", MODULE.locals["log_metrics"])
def test_a_metric_looks_for_what_the_code_writes(metric: str) -> None:
    if metric.startswith("__"):
        return
    wanted = json.dumps(MODULE.locals["log_metrics"][metric])
    assert WRITTEN[metric] in SOURCES
    words = re.sub(r"%s.*", "", re.sub(r'^log\.\w+\("', "", WRITTEN[metric])).rstrip('": ')
    assert words in wanted


def test_reconciles_line_has_the_figure_where_the_metric_takes_it_from() -> None:
    line = "reconciled: 12 pending, 3 lapsed"
    extractor = json.dumps(MODULE.locals["log_metrics"]["requests_pending"])
    assert "([0-9]+) pending" in extractor
    assert re.findall("([0-9]+) pending", line) == ["12"]


def roles(resource: Resource) -> str:
    return json.dumps(resource.body)


def test_the_readmes_table_names_every_role_of_every_account() -> None:
    readme = (ROOT / "README.md").read_text()
    _, _, table = readme.partition("| account | may | because |")
    table = table.partition("\n\n")[0]
    granted = set(re.findall(r"roles/[\w.]+", json.dumps(MODULE.locals["project_roles"])))
    granted |= {role for each in MODULE.resources.values() for role in re.findall(r"roles/[\w.]+", roles(each))}
    named = set(re.findall(r"`((?:\w+\.)?\w+)`", table))
    assert {role.removeprefix("roles/") for role in granted} <= named
    for account in ("functions", "tasks", "worker", "deploy"):
        assert f"`storyvoice-{account}`" in table


def test_hosting_leads_to_the_api_in_the_codes_region() -> None:
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    (rewrite,) = hosting["rewrites"]
    assert rewrite["function"] == {"functionId": "api", "region": terraform_values.values()["region"]}
    assert (ROOT / hosting["public"]).is_dir()


def test_every_step_of_the_build_is_a_script_that_parses_and_waits_for_one_that_is_there() -> None:
    known = {"-"}
    for step in BUILD["steps"]:
        assert set(step.get("waitFor", [])) <= known, step["id"]
        known.add(step["id"])
        if step["script"].startswith("#!"):
            shell = shlex.split(step["script"].splitlines()[0].removeprefix("#!"))[-1]
            subprocess.run([Path(shell).name, "-n"], input=step["script"], text=True, check=True)
        for script in re.findall(r"(?:tools|infra)/[\w/]+\.(?:sh|py)", step["script"]):
            assert (ROOT / script).exists(), script


def test_a_deployment_that_fails_is_taken_back() -> None:
    steps = {step["id"]: step for step in BUILD["steps"]}
    for risky in ("deploy-worker", "deploy-functions", "let-them-be-called", "smoke"):
        assert steps[risky]["allowFailure"] is True, f"{risky} would end the build before anything is rolled back"
    assert "allowFailure" not in steps["roll-back"]
    assert "exit 1" in steps["roll-back-worker"]["script"]


def test_after_a_deployment_the_callers_are_those_that_the_code_has() -> None:
    """infra/after_deploy.py against a gcloud that writes down what it is told."""
    sys.path.insert(0, str(ROOT / "infra"))
    try:
        import after_deploy  # type: ignore[import-not-found]  # noqa: PLC0415
    finally:
        sys.path.remove(str(ROOT / "infra"))
    said: list[list[str]] = []
    trigger = {"transport": {"pubsub": {"topic": "projects/p/topics/voice-job-events", "subscription": "s1"}}}
    other = {"transport": {"pubsub": {"topic": "projects/p/topics/another", "subscription": "s2"}}}

    def gcloud(arguments: list[str]) -> str:
        said.append(arguments)
        if arguments[0] == "projects":
            return "42\n"
        return json.dumps([trigger, other, {}]) if arguments[:2] == ["eventarc", "triggers"] else ""

    values: dict[str, Any] = terraform_values.values()
    after_deploy.let_call(gcloud, "p", "r", values)
    callers = {(each[3], each[-1].partition("@")[0]) for each in said}
    assert ("dispatchjob", "serviceAccount:storyvoice-tasks") in callers
    assert ("reconcile", "serviceAccount:storyvoice-functions") in callers
    assert "createupload" not in {service for service, _ in callers}

    said.clear()
    after_deploy.keep_dead_letters(gcloud, "p", "r", values)
    told = [each for each in said if each[0] == "pubsub"]
    assert [each[3] for each in told] == ["s1", "s1"]
    assert "projects/p/topics/dead-letters" in told[0]
    assert after_deploy.DEAD_LETTERS in json.dumps(MODULE.resources["google_pubsub_topic.dead_letters"].body)


def test_the_page_of_costs_is_computed() -> None:
    page = costs.PAGE.read_text()
    assert page == costs.written(page), "run ./dev costs"


def test_costs_by_hand() -> None:
    """A story of 100 s at ten times real time, at round prices."""
    given = costs.figures()
    assert costs.gpu_seconds(given, 100, 10, "runpod", alone=False) == 10
    assert costs.gpu_seconds(given, 100, 10, "cloudRun", alone=True) == 10 + 20 + 600
    given["prices"] |= {"cloudRunGpuSecond": 1, "cloudRunVcpuSecond": 0.1, "cloudRunGibSecond": 0.01}
    assert costs.gpu_second(given, "cloudRun") == pytest.approx(1.56)
    written, read, _ = costs.objects(given, 8.0)  # segments of 1, 1, 2 and 4 s
    assert written == 40 + 2 * 4 + 4
    assert read == 40 + 5 * (4 + 2)

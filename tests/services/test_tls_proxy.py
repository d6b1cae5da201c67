# SPDX-License-Identifier: AGPL-3.0-only
"""The service behind a proxy that ends TLS, as the how-to configures it: everything that it answers leads to https."""

import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests import tokens
from tests.chromium import chromium
from tests.core.test_admin_permissions import SUPERUSER_MAY
from tests.services.databases import ROOT
from tests.services.ports import HOST, free_port
from tests.services.proxies import Certificate, Place, caddy, make_certificate, nginx, running

pytestmark = pytest.mark.services

OWN: Final = "b7Qm-3zKx9vR2tLwYp8sHn4dGf6jCa1e"
PASSWORD: Final = "correct-horse-battery"
COURSE_ID: Final = "course-v1:Acme+BIO101+2026"
LEARNER: Final = tokens.Person("ada", lms_user_id=7)
STAFF: Final = tokens.Person("teacher", lms_user_id=8, administrator=True)

#: An operator, and an attempt whose exam has a tool.
SCENE: Final = f"""
from edx_exams.apps.core.models import *
from edx_exams.apps.lti.models import LtiTool
User.objects.create_superuser("root", "root@example.org", "{PASSWORD}")
tool = LtiTool.objects.create(oidc_login_url="https://tool.example.org/login", launch_url="https://tool.example.org/launch",
    keyset_url="https://tool.example.org/keys")
from edx_exams.apps.lti.platform_keys import store_key
store_key(tool)
provider = ProctoringProvider.objects.create(name="acme", verbose_name="Acme", lti_configuration_id=str(tool.pk))
exam = Exam.objects.create(resource_id="r", course_id="{COURSE_ID}",
    content_id="block-v1:Acme+BIO101+2026+type@sequential+block@a",
    exam_name="A", exam_type="proctored", time_limit_mins=60, is_active=True, provider=provider)
for number in range(3):
    user = User.objects.create(username=f"learner{{number}}", lms_user_id=100 + number)
    ExamAttempt.objects.create(exam=exam, user=user, attempt_number=1, status="created")
ada = User.objects.create(username="ada", lms_user_id=7)
print("attempt", ExamAttempt.objects.create(exam=exam, user=ada, attempt_number=1, status="created").pk)
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for localhost and its key, as files."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def site(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """The service in production's settings behind the proxy: its address, its session, the attempt."""
    directory = tmp_path_factory.mktemp("site")
    port, upstream = free_port(), free_port()
    root_url = f"https://localhost:{port}"
    issuer = {"ISSUER": tokens.ISSUER, "AUDIENCE": tokens.AUDIENCE, "SECRET_KEY": OWN}
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = {
        "SECRET_KEY": OWN,
        "SOCIAL_AUTH_EDX_OAUTH2_SECRET": OWN,
        "BACKEND_SERVICE_EDX_OAUTH2_SECRET": OWN,
        "TOKEN_SIGNING": {"JWT_PRIVATE_SIGNING_JWK": RSAAlgorithm.to_jwk(key)},
        "JWT_AUTH": {"JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set(), "JWT_ISSUERS": [issuer]},
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(directory / "db.sqlite3")}},
        "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
        "ROOT_URL": root_url,
        "LTI_API_BASE": root_url,
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
        "METRICS_ENABLED": True,
        "ALLOWED_HOSTS": ["localhost"],
        "SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT": "https://lms.example.org",
        "SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT": "https://lms.example.org",
    }
    path = directory / "edx_exams.yml"
    path.write_text(yaml.safe_dump(file))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DB_"))}
    environment = {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "edx_exams.settings.production",
        "EDX_EXAMS_CFG": str(path),
        "HOME": str(directory),
        "FORWARDED_ALLOW_IPS": "192.0.2.1",  # so that it is Django that must know, not gunicorn
    }

    def manage(*words: str) -> str:
        said = subprocess.run(
            [sys.executable, "manage.py", *words], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        assert said.returncode == 0, said.stderr
        return said.stdout

    manage("migrate", "-v0")
    attempt = int(manage("shell", "-v0", "-c", SCENE).split()[-1])
    gunicorn = [sys.executable, "-m", "gunicorn", "--bind", f"{HOST}:{upstream}", "--workers", "1", "--threads", "4",
                "edx_exams.wsgi"]  # fmt: skip
    proxy = request.param(directory, "", Place("exams.example.org", port, {18740: upstream}, certificate))
    log = directory / "log"
    with running(gunicorn, environment, log), running(proxy, environment, log):
        deadline = time.monotonic() + 90
        while True:
            try:
                answer = requests.get(f"{root_url}/live/", verify=str(certificate.certificate), timeout=5)
                if answer.status_code == 200:
                    break
            except (requests.RequestException, ssl.SSLError):
                pass
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-4000:]
            time.sleep(0.5)
        private = RSAAlgorithm.to_jwk(key, as_dict=True)
        yield {
            "url": root_url,
            "verify": str(certificate.certificate),
            "attempt": attempt,
            "log": log,
            "secrets": [OWN, PASSWORD, *(private[name] for name in ("d", "p", "q", "dp", "dq", "qi"))],
        }


@pytest.fixture
def browser(site: dict[str, Any]) -> requests.Session:
    """A client that trusts the certificate and follows no redirect."""
    session = requests.Session()
    session.verify = site["verify"]
    session.trust_env = False  # a bundle of certificates in the environment would take precedence
    return session


def test_an_operator_logs_in_and_the_csrf_check_agrees(site: dict[str, Any], browser: requests.Session) -> None:
    login = f"{site['url']}/admin/login/?next=/admin/"
    page = browser.get(login, timeout=60)
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {"username": "root", "password": PASSWORD, "csrfmiddlewaretoken": token}
    headers = {"Referer": login, "Origin": site["url"]}
    answer = browser.post(login, form, headers=headers, allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/"), answer.text[-500:]
    assert all(cookie.secure for cookie in browser.cookies if cookie.name == "edx_exams_sessionid")
    assert browser.get(f"{site['url']}/admin/", allow_redirects=False, timeout=60).status_code == 200
    elsewhere = {"Referer": "https://evil.example.org/", "Origin": "https://evil.example.org"}
    assert browser.post(login, form, headers=elsewhere, allow_redirects=False, timeout=60).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
@pytest.mark.parametrize(("comes_from", "status"), [("127.0.0.1", 200), ("127.0.0.2", 403)])
def test_metrics_are_for_the_proxys_own_machine(site: dict[str, Any], path: str, comes_from: str, status: int) -> None:
    port = urlsplit(site["url"]).port
    trust = ssl.create_default_context(cafile=site["verify"])
    connection = HTTPSConnection("localhost", port, context=trust, source_address=(comes_from, 0), timeout=60)
    connection.request("GET", path)
    assert connection.getresponse().status == status
    connection.close()


def test_single_sign_on_is_told_to_come_back_by_https(site: dict[str, Any], browser: requests.Session) -> None:
    answer = browser.get(f"{site['url']}/login/edx-oauth2/", allow_redirects=False, timeout=60)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert answer.headers["Location"].startswith("https://lms.example.org/")
    assert [uri.partition("?")[0] for uri in query["redirect_uri"]] == [f"{site['url']}/complete/edx-oauth2/"]


def test_pages_of_the_api_link_to_the_next_by_https(site: dict[str, Any], browser: requests.Session) -> None:
    answer = browser.get(
        f"{site['url']}/api/v1/instructor_view/course_id/{COURSE_ID}/attempts",
        params={"limit": 2},
        headers=STAFF.authorization("RS512"),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"].startswith(f"{site['url']}/api/v1/")


def test_a_launch_passes_the_csrf_check_and_names_addresses_by_https(
    site: dict[str, Any], browser: requests.Session
) -> None:
    path = f"{site['url']}/lti/start_proctoring/{site['attempt']}"
    browser.cookies.update(LEARNER.cookies())
    asked = browser.get(path, allow_redirects=False, timeout=60)
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', asked.text)
    headers = {"Referer": path, "Origin": site["url"]}
    answer = browser.post(path, {"csrfmiddlewaretoken": token}, headers=headers, allow_redirects=False, timeout=60)
    assert answer.status_code in {302, 303}, answer.text
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["iss"] == [site["url"]]
    assert all(cookie.secure for cookie in browser.cookies if cookie.name.startswith("edx_exams_"))


# A hundred pages, behind one of the proxies: what differs between them is tested above.
@pytest.mark.parametrize("site", [nginx], ids=["nginx"], indirect=True)
def test_in_a_real_browser_every_page_of_the_admin_opens(site: dict[str, Any]) -> None:
    """The operator logs in, and opens each list, each page to add, and of each first row change, history, delete."""
    faults: list[str] = []
    seen: set[str] = set()
    with chromium() as real_browser:
        page = real_browser.new_context(ignore_https_errors=True).new_page()
        page.set_default_timeout(90_000)
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.goto(f"{site['url']}/admin/")
        page.fill("#id_username", "root")
        page.fill("#id_password", PASSWORD)
        page.click("input[type=submit]")
        page.wait_for_url(f"{site['url']}/admin/")
        assert all(cookie["secure"] for cookie in page.context.cookies() if cookie["name"].startswith("edx_exams_"))

        def links(selector: str) -> list[str]:
            found: list[str] = page.eval_on_selector_all(selector, "links => links.map(link => link.href)")
            return found

        def visit(url: str) -> None:
            answer = page.goto(url)
            seen.add(urlsplit(url).path)
            if answer is None or answer.status >= 400:
                faults.append(f"{url}: {answer.status if answer else 'no answer'}")

        for url in links("#content-main table a"):
            visit(url)
            for row in links("#result_list tbody tr:first-child th a")[:1]:
                visit(row)
                for further in links("a.historylink, a.deletelink"):
                    visit(further)
    assert not faults
    lists = {path for path in seen if path.count("/") == 4}
    assert len(lists) >= len(SUPERUSER_MAY)
    assert {"/admin/core/exam/add/", f"/admin/core/examattempt/{site['attempt']}/change/"} <= seen


def test_no_log_of_all_this_has_a_secret_a_token_or_a_name(site: dict[str, Any], browser: requests.Session) -> None:
    """After the tests above, and after those who try with what is wrong: the log of the service and of its proxy."""
    url, learner = site["url"], LEARNER.authorization("RS512")
    token = learner["Authorization"].split()[1]
    exams = f"{url}/api/v1/exams/course_id/{COURSE_ID}"
    broken = token[:-8] + "AAAAAAAA"
    for headers in (learner, {"Authorization": f"JWT {broken}"}, {"Authorization": f"Bearer {token}"},
                    {"Cookie": f"edx-jwt-cookie={broken}; edx_exams_sessionid=stolen-session"}):  # fmt: skip
        browser.get(exams, headers=headers, timeout=60)
        browser.patch(exams, data=b'[{"exam_name": "of-a-learner"', headers=headers, timeout=60)
    browser.post(f"{url}/admin/login/", {"username": "grace-hopper", "password": "wrong-but-close"}, timeout=60)
    browser.post(f"{url}/lti/start_proctoring_assessment", {"JWT": broken}, timeout=60)
    browser.post(f"{url}/lti/lti_consumer/v1/launch/", {"client_id": "x", "state": "state-of-a-tool"}, timeout=60)
    for path in ("/complete/edx-oauth2/?code=code-of-the-lms&state=s", f"/lti/start_proctoring/{site['attempt']}"):
        browser.get(f"{url}{path}", headers=learner, allow_redirects=False, timeout=60)
    log = site["log"].read_text(errors="replace")
    assert "Unauthorized: /api/v1/" in log, "what is refused is logged"
    sent = ("stolen-session", "wrong-but-close", "grace-hopper", "state-of-a-tool", "of-a-learner", "code-of-the-lms")
    people = ("ada@", "root@", "teacher", LEARNER.username + '"', "[user ada")
    found = [secret[:6] for secret in (*site["secrets"], *sent, *people) if secret in log]
    assert not found
    assert not re.search(r"eyJ[\w-]{10,}", log), "no token, whole or in part"
    assert not re.search(r"edx_exams_(launch|sessionid|csrftoken)=", log)

# SPDX-License-Identifier: AGPL-3.0-only
"""Each settings module, with the environment and an operator's file; and settings that must not start."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings

import edx_exams
from tests import tokens

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "edx_exams.settings"

Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """
    Load a settings module as a process does that starts with this environment.

    The modules in use, whose dictionaries production changes in place, are put aside meanwhile.
    """
    in_use = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith(PACKAGE)}
    for name in list(os.environ):
        if name.startswith(("DB_", "EXAMS_", "EDX_EXAMS_", "SOCIAL_AUTH_", "BACKEND_SERVICE_")):
            monkeypatch.delenv(name)

    def load_module(name: str, **environment: str) -> ModuleType:
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        return importlib.import_module(f"{PACKAGE}.{name}")

    yield load_module
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]
    sys.modules.update(in_use)
    monkeypatch.setattr(edx_exams, "settings", in_use[PACKAGE])


@pytest.fixture
def production(load: Load, tmp_path: Path) -> Callable[..., ModuleType]:
    """Load `production` with a file of these settings."""

    def load_with(file: Mapping[str, Any], **environment: str) -> ModuleType:
        return load("production", EDX_EXAMS_CFG=str(write(tmp_path, file)), **environment)

    return load_with


def write(directory: Path, file: object) -> Path:
    path = directory / "edx_exams.yml"
    path.write_text(yaml.safe_dump(file))
    return path


class TestProduction:
    """The operator's file, on top of base."""

    @pytest.mark.parametrize(
        ("name", "given", "untouched"),
        [
            ("JWT_AUTH", {"JWT_ISSUER": "https://lms/oauth2", "EXTRA": 1}, ("JWT_AUTH_HEADER_PREFIX", "JWT")),
            ("TOKEN_SIGNING", {"JWT_ISSUER": "https://exams"}, ("JWT_SIGNING_ALGORITHM", "RS512")),
            ("EDX_DRF_EXTENSIONS", {"JWT_ISSUER": 1}, ("ENABLE_SET_REQUEST_USER_FOR_JWT_COOKIE", False)),
        ],
    )
    def test_three_dictionaries_are_merged(
        self,
        name: str,
        given: dict[str, Any],
        untouched: tuple[str, Any],
        production: Callable[..., ModuleType],
    ) -> None:
        merged = getattr(production({name: given}), name)
        assert {key: merged[key] for key in given} == given
        assert merged[untouched[0]] == untouched[1]

    @pytest.mark.parametrize("name", ["JWT_AUTH", "TOKEN_SIGNING", "EDX_DRF_EXTENSIONS", "FILE_STORAGE_BACKEND"])
    def test_one_of_them_left_empty_changes_nothing(self, name: str, production: Callable[..., ModuleType]) -> None:
        loaded = production({name: None})
        assert loaded.JWT_AUTH["JWT_ALGORITHM"] == "HS256"

    @pytest.mark.parametrize(
        ("name", "given"),
        [
            ("DATABASES", {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "exams"}}),
            ("EVENT_BUS_PRODUCER_CONFIG", {"some.event": {}}),
            ("CACHES", {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}),
            ("ALLOWED_HOSTS", ["exams.example.com"]),
            ("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend"),
            ("CORS_ALLOW_HEADERS", ["x"]),
            ("A_SETTING_OF_THEIRS", 5),
        ],
    )
    def test_everything_else_is_replaced(self, name: str, given: object, production: Callable[..., ModuleType]) -> None:
        assert getattr(production({name: given}), name) == given

    @pytest.mark.parametrize("name", ["FILE_STORAGE_BACKEND", "MEDIA_STORAGE_BACKEND"])
    def test_what_stands_in_the_storage_dictionaries_becomes_settings(
        self, name: str, production: Callable[..., ModuleType]
    ) -> None:
        loaded = production({name: {"AWS_STORAGE_BUCKET_NAME": "exams"}})
        assert loaded.AWS_STORAGE_BUCKET_NAME == "exams"
        assert not hasattr(loaded, name)

    def test_what_the_file_does_not_say_is_as_operators_know_it(self, production: Callable[..., ModuleType]) -> None:
        loaded = production({})
        assert loaded.ALLOWED_HOSTS == ["*"]
        assert loaded.EMAIL_BACKEND == "django_ses.SESBackend"
        assert loaded.DEBUG is False
        assert loaded.REFUSE_PLACEHOLDER_SECRETS is True
        assert loaded.LOGIN_REDIRECT_URL == "/admin/"
        assert loaded.SESSION_COOKIE_NAME == "edx_exams_sessionid"
        assert (loaded.SESSION_COOKIE_SAMESITE, loaded.SESSION_COOKIE_SECURE) == ("Lax", True)
        assert "use-jwt-cookie" in loaded.CORS_ALLOW_HEADERS

    @pytest.mark.parametrize("is_installed", [False, True])
    def test_the_pipelines_commands_are_there_where_they_are_installed(
        self, is_installed: bool, production: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        if is_installed:
            (tmp_path / "release_util.py").touch()
            monkeypatch.syspath_prepend(str(tmp_path))
        is_there = importlib.util.find_spec("release_util") is not None
        assert is_there or not is_installed
        assert ("release_util" in production({}).INSTALLED_APPS) == is_there

    def test_migrations_run_under_an_account_of_their_own(self, production: Callable[..., ModuleType]) -> None:
        account = {"ENGINE": "django.db.backends.mysql", "NAME": "exams", "USER": "exams", "PASSWORD": "a", "PORT": 1}
        loaded = production(
            {"DATABASES": {"default": {**account, "OPTIONS": {"charset": "utf8mb4"}}}},
            DB_MIGRATION_USER="migrator",
            DB_MIGRATION_PASS="b",
            DB_MIGRATION_HOST="db",
            DB_MIGRATION_PORT="3307",
        )
        assert loaded.DATABASES["default"] == {
            "ENGINE": "django.db.backends.mysql",
            "NAME": "exams",
            "USER": "migrator",
            "PASSWORD": "b",
            "HOST": "db",
            "PORT": "3307",
            "OPTIONS": {"charset": "utf8mb4"},
        }

    def test_no_transaction_is_around_a_whole_request(self, production: Callable[..., ModuleType]) -> None:
        loaded = production({"DATABASES": {"default": {"ENGINE": "e", "ATOMIC_REQUESTS": True}}})
        assert loaded.DATABASES["default"]["ATOMIC_REQUESTS"] is False

    def test_engine_and_name_too(self, production: Callable[..., ModuleType]) -> None:
        database = production({}, DB_MIGRATION_ENGINE="e", DB_MIGRATION_NAME="n").DATABASES["default"]
        assert database == {"ENGINE": "e", "NAME": "n"}

    def test_logs_are_written_in_the_format_that_the_file_names(self, production: Callable[..., ModuleType]) -> None:
        loaded = production({"LOGGING_FORMAT": "json"})
        assert loaded.LOGGING["handlers"]["console"]["formatter"] == "json"

    def test_or_altogether_as_it_says(self, production: Callable[..., ModuleType]) -> None:
        own = {"version": 1}
        assert own == production({"LOGGING": own, "LOGGING_FORMAT": "json"}).LOGGING

    def test_a_wrong_format_is_told_by_its_name(self, production: Callable[..., ModuleType]) -> None:
        with pytest.raises(ImproperlyConfigured, match="LOGGING_FORMAT"):
            production({"LOGGING_FORMAT": "jsno"})

    def test_without_a_file_it_can_be_imported_as_in_the_build_of_an_image(self, load: Load) -> None:
        loaded = load("production")
        assert loaded.CONFIGURATION_FILE is None
        assert loaded.SECRET_KEY == loaded.PLACEHOLDER_SECRET

    def test_a_list_becomes_the_tuple_that_django_wants(self, production: Callable[..., ModuleType]) -> None:
        header = production({"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]}).SECURE_PROXY_SSL_HEADER
        assert header == ("HTTP_X_FORWARDED_PROTO", "https")

    @pytest.mark.parametrize(
        ("root_url", "trusted"),
        [
            ("https://exams.example.org/", ["https://apps.example.org", "https://exams.example.org"]),
            ("https://apps.example.org", ["https://apps.example.org"]),
            ("http://exams.example.org", ["https://apps.example.org"]),
            ("https://[bad", ["https://apps.example.org"]),
            (5, ["https://apps.example.org"]),
        ],
    )
    def test_its_own_https_origin_is_trusted(
        self, root_url: object, trusted: list[str], production: Callable[..., ModuleType]
    ) -> None:
        loaded = production({"ROOT_URL": root_url, "CSRF_TRUSTED_ORIGINS": ["https://apps.example.org"]})
        assert trusted == loaded.CSRF_TRUSTED_ORIGINS
        is_https = isinstance(root_url, str) and root_url.startswith("https://") and "[" not in root_url
        assert getattr(loaded, "CSRF_COOKIE_SECURE", False) == is_https

    def test_it_remembers_what_the_file_sets(self, production: Callable[..., ModuleType]) -> None:
        loaded = production({"JWT_AUTH": {"JWT_ISSUER": "x"}, "ROOT_URL": "http://x", "TOKEN_SIGNING": None})
        assert {"JWT_AUTH", "TOKEN_SIGNING", "ROOT_URL", "JWT_AUTH.JWT_ISSUER"} == loaded.NAMES_IN_CONFIGURATION_FILE

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            (b"[1]", r"edx_exams\.yml must be a YAML mapping"),
            (b"text", r"edx_exams\.yml must be a YAML mapping"),
            (b"", r"edx_exams\.yml must be a YAML mapping"),
            (b"1: 2", r"edx_exams\.yml must be a YAML mapping"),
            (b"A: 1\nSECRET_KEY: 'lmn: [", r"edx_exams\.yml is not valid YAML, line 2, column 20\.$"),
            (b"SECRET_KEY: !!python/object:os.system lmn", r"is not valid YAML, line 1, column 13\.$"),
            (b"A: 2026-13-45", r"is not valid YAML\.$"),
            (b"SECRET_KEY: \xff", r"edx_exams\.yml is not encoded in UTF-8"),
            (b"JWT_AUTH: [lmn]", r"JWT_AUTH in .*edx_exams\.yml must be a mapping"),
            (b"FILE_STORAGE_BACKEND: lmn", r"FILE_STORAGE_BACKEND in .*edx_exams\.yml must be a mapping"),
        ],
    )
    def test_a_broken_file_is_told_in_one_line_without_its_contents(
        self, text: bytes, told: str, load: Load, tmp_path: Path
    ) -> None:
        path = tmp_path / "edx_exams.yml"
        path.write_bytes(text)
        with pytest.raises(ImproperlyConfigured, match=told) as refused:
            load("production", EDX_EXAMS_CFG=str(path))
        assert "\n" not in str(refused.value)
        assert "lmn" not in str(refused.value)

    def test_a_missing_file_is_told_by_its_name(self, load: Load) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"EDX_EXAMS_CFG: /no/such\.yml cannot be read: No such file"):
            load("production", EDX_EXAMS_CFG="/no/such.yml")


class TestBase:
    """Settings that all environments share and operators rely on."""

    def test_secrets_come_from_the_environment(self, load: Load) -> None:
        names = {
            "EDX_EXAMS_SECRET_KEY": "SECRET_KEY",
            **{
                name: name
                for name in (
                    *(
                        f"SOCIAL_AUTH_EDX_OAUTH2_{part}"
                        for part in ("KEY", "SECRET", "ISSUER", "URL_ROOT", "LOGOUT_URL", "PUBLIC_URL_ROOT")
                    ),
                    "BACKEND_SERVICE_EDX_OAUTH2_KEY",
                    "BACKEND_SERVICE_EDX_OAUTH2_SECRET",
                )
            },
        }
        base = load("base", **{variable: f"from {variable}" for variable in names})
        assert {setting: getattr(base, setting) for setting in names.values()} == {
            setting: f"from {variable}" for variable, setting in names.items()
        }

    def test_without_an_environment_they_are_placeholders(self, load: Load) -> None:
        base = load("base")
        assert base.SECRET_KEY == base.SOCIAL_AUTH_EDX_OAUTH2_SECRET == base.PLACEHOLDER_SECRET

    def test_tokens_are_read_as_the_lms_writes_them(self, load: Load) -> None:
        base = load("base")
        assert base.JWT_AUTH["JWT_PAYLOAD_GET_USERNAME_HANDLER"]({"preferred_username": "ada"}) == "ada"
        assert {
            name: base.JWT_AUTH[name]
            for name in ("JWT_ALGORITHM", "JWT_LEEWAY", "JWT_AUTH_COOKIE", "JWT_AUTH_HEADER_PREFIX")
        } == {
            "JWT_ALGORITHM": "HS256",
            "JWT_LEEWAY": 1,
            "JWT_AUTH_COOKIE": "edx-jwt-cookie",
            "JWT_AUTH_HEADER_PREFIX": "JWT",
        }
        assert base.EDX_DRF_EXTENSIONS["JWT_PAYLOAD_USER_ATTRIBUTE_MAPPING"] == {
            "administrator": "is_staff",
            "email": "email",
            "name": "full_name",
            "full_name": "full_name",
            "user_id": "lms_user_id",
        }

    def test_all_five_events_go_out(self, load: Load) -> None:
        config = load("base").EVENT_BUS_PRODUCER_CONFIG
        assert set(config) == {
            f"org.openedx.learning.exam.attempt.{outcome}.v1"
            for outcome in ("submitted", "verified", "rejected", "errored", "reset")
        }
        for topics in config.values():
            assert topics == {
                "learning-exam-attempt-lifecycle": {"event_key_field": "exam_attempt.course_key", "enabled": True}
            }


class TestDevelopersMachines:
    """`local` and `devstack`."""

    def test_local_is_sqlite_where_the_environment_says(self, load: Load, tmp_path: Path) -> None:
        local = load("local", EXAMS_SQLITE_PATH=str(tmp_path / "db.sqlite3"))
        assert local.DATABASES["default"]["NAME"] == str(tmp_path / "db.sqlite3")
        assert local.DATABASES["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert local.DEBUG

    def test_or_in_the_checkouts_var(self, load: Load) -> None:
        assert load("local").DATABASES["default"]["NAME"] == str(CHECKOUT / "var" / "edx_exams.sqlite3")

    def test_local_trusts_a_developers_lms_and_mfes(self, load: Load) -> None:
        local = load("local")
        origins = [f"http://localhost:{port}" for port in (2000, 2001, 2020)]
        assert origins == local.CORS_ORIGIN_WHITELIST == local.CSRF_TRUSTED_ORIGINS
        jwt_auth = local.JWT_AUTH
        assert (jwt_auth["JWT_SECRET_KEY"], jwt_auth["JWT_AUDIENCE"]) == ("lms-secret", "lms-key")
        assert jwt_auth["JWT_ISSUER"] == "http://localhost:18000/oauth2"
        (key,) = json.loads(jwt_auth["JWT_PUBLIC_SIGNING_JWK_SET"])["keys"]
        assert (key["kid"], key["n"][:8]) == ("devstack_key", "smKFSYow")
        assert json.loads(local.TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"])["kid"] == "localdev_exam_token_key"
        assert local.EVENT_BUS_TOPIC_PREFIX == "dev"

    def test_the_public_key_has_nothing_of_the_private_one(self, load: Load) -> None:
        development = load("development")
        for key in (development.PUBLIC_SIGNING_JWK, *json.loads(development.LMS_PUBLIC_JWK_SET)["keys"]):
            assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)

    def test_devstack_is_mysql_as_the_environment_says(self, load: Load) -> None:
        database = load("devstack", DB_NAME="n", DB_USER="u", DB_PASSWORD="p", DB_HOST="h", DB_PORT="1").DATABASES[
            "default"
        ]
        wanted = {"ENGINE": "django.db.backends.mysql", "NAME": "n", "USER": "u", "PASSWORD": "p", "HOST": "h"}
        assert {name: database[name] for name in (*wanted, "PORT")} == {**wanted, "PORT": "1"}

    def test_or_as_devstack_names_it(self, load: Load) -> None:
        devstack = load("devstack")
        database = devstack.DATABASES["default"]
        assert [database[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
            "edx_exams",
            "root",
            "",
            "edx_exams.db",
            "3306",
        ]
        assert devstack.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS == "edx.devstack.kafka:29092"
        assert devstack.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL == "http://edx.devstack.schema-registry:8081"


def test_loading_settings_afresh_leaves_those_in_use_alone(
    production: Callable[..., ModuleType], settings: Settings
) -> None:
    production({"JWT_AUTH": {"JWT_ISSUER": "https://elsewhere"}})
    assert settings.JWT_AUTH["JWT_ISSUER"] == tokens.ISSUER


@pytest.fixture(scope="module")
def sound() -> dict[str, Any]:
    """A file with secrets of its own."""
    own = "b7Qm-3zKx9vR2tLwYp8sHn4dGf6jCa1e"
    signing_key = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return {
        "SECRET_KEY": own,
        "SOCIAL_AUTH_EDX_OAUTH2_SECRET": own,
        "BACKEND_SERVICE_EDX_OAUTH2_SECRET": own,
        "TOKEN_SIGNING": {"JWT_PRIVATE_SIGNING_JWK": signing_key},
        "JWT_AUTH": {"JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()},
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        # Production's default needs django-ses, which is installed with the production requirements alone.
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    }


class TestWsgi:
    """A server runs no checks by itself; the entry point does."""

    def start(self, file: Mapping[str, Any], directory: Path) -> subprocess.CompletedProcess[str]:
        """Import the entry point as a server does."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("COV_", "DJANGO_", "DB_"))
        }
        return subprocess.run(
            [sys.executable, "-c", "from edx_exams.wsgi import application; print(type(application).__name__)"],
            env={**environment, "EDX_EXAMS_CFG": str(write(directory, file))},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @pytest.mark.exhaustive
    def test_it_starts_with_sound_settings(self, sound: dict[str, Any], tmp_path: Path) -> None:
        started = self.start(sound, tmp_path)
        assert (started.returncode, started.stdout.splitlines()[-1:]) == (0, ["Handler"]), started.stderr

    @pytest.mark.parametrize(
        ("wrong", "names"),
        [
            (
                {"JWT_AUTH": {"JWT_PUBLIC_SIGNING_JWK_SET": '{"keys": []}'}, "SECRET_KEY": "replace-me"},
                ["SECRET_KEY", "JWT_PUBLIC_SIGNING_JWK_SET"],
            ),
            ({"EVENT_BUS_PRODUCER_CONFIG": [1]}, ["EVENT_BUS_PRODUCER_CONFIG"]),
        ],
    )
    @pytest.mark.exhaustive
    def test_it_does_not_start_with_wrong_ones_and_ends_as_gunicorns_master_understands(
        self, wrong: dict[str, Any], names: list[str], sound: dict[str, Any], tmp_path: Path
    ) -> None:
        started = self.start({**sound, **wrong}, tmp_path)
        assert started.returncode == 3  # gunicorn's code of a worker that cannot boot: its master ends
        assert [name for name in names if name not in started.stderr] == []
        assert "Traceback" not in started.stderr
        assert "WSGIHandler" not in started.stdout
        assert sound["SECRET_KEY"] not in started.stderr

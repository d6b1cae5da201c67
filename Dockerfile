# syntax=docker/dockerfile:1.7
# The service in a container.
#
#   docker build --target app -t edx-exams .        what production runs: gunicorn, user 1000, no compiler
#   docker build --target dev -t edx-exams:dev .    what docker-compose.yml runs: everything that a developer needs
#
# Debian keeps only the newest version of a package, so none is pinned.
# hadolint global ignore=DL3008

FROM docker.io/python:3.12-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/edx/app/venv/bin:$PATH
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libmariadb3 && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --home-dir /edx/app --create-home --no-log-init --shell /bin/bash app
WORKDIR /edx/app/edx-exams

# ---- Python packages. mysqlclient is compiled: the compiler stays in this stage.
FROM base AS packages
RUN apt-get update && \
    apt-get install --yes --no-install-recommends gcc libmariadb-dev pkg-config && \
    rm -rf /var/lib/apt/lists/*
RUN python -m venv /edx/app/venv
COPY requirements/production.txt requirements/production.txt
RUN pip install --no-cache-dir --compile --require-hashes --requirement requirements/production.txt

# ---- A developer's: the source is mounted over /edx/app/edx-exams.
FROM packages AS dev
RUN apt-get update && \
    apt-get install --yes --no-install-recommends default-mysql-client gettext git make && \
    rm -rf /var/lib/apt/lists/*
COPY requirements/quality.txt requirements/doc.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/quality.txt && \
    pip install --no-cache-dir --require-hashes --requirement requirements/doc.txt
ENV DJANGO_SETTINGS_MODULE=edx_exams.settings.devstack \
    USE_PYTHON=/edx/app/venv/bin/python
RUN chown app:app /edx/app/edx-exams
USER 1000
EXPOSE 18740
CMD ["python", "manage.py", "runserver", "0.0.0.0:18740"]

# ---- Production
FROM base AS app
COPY --from=packages /edx/app/venv /edx/app/venv
COPY manage.py LICENSE.txt ./
COPY edx_exams edx_exams
ENV DJANGO_SETTINGS_MODULE=edx_exams.settings.production
# Needs no configuration: nothing is read but the apps' static files.
RUN python manage.py collectstatic --noinput
USER 1000
EXPOSE 18740
# The process answers. Whether the database does is asked at /ready/.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:18740/live/', timeout=4)"]
# SIGTERM lets gunicorn finish the requests in hand: give it `docker stop --time 45`.
CMD ["gunicorn", "--config", "edx_exams/docker_gunicorn_configuration.py", "edx_exams.wsgi"]

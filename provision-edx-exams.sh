#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-only
# Sets the service up beside a running devstack: containers, database, superuser, and what the LMS must know. May be run again.
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/provision-lms
. scripts/provision-lms

docker compose up --detach --build

echo "Waiting for MySQL"
tries=0
until docker exec edx_exams.db mysql -uroot -se "SELECT 1" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || {
        echo "MySQL in edx_exams.db has not answered within two minutes: docker logs edx_exams.db" >&2
        exit 1
    }
    sleep 2
done

docker exec edx_exams.db mysql -uroot -e "CREATE DATABASE IF NOT EXISTS edx_exams CHARACTER SET utf8mb4;"
docker exec -t edx_exams.app python manage.py migrate
provision_superuser docker exec -t edx_exams.app python manage.py

provision_lms

docker compose restart app relay sweep consumer
echo "The service is at http://localhost:18740, its admin at http://localhost:18740/admin/ (edx / edx)."

# SPDX-License-Identifier: AGPL-3.0-only
"""
Values for a developer's machine, where a deployment has secrets and servers of its own.

Everything here is public and protects nothing: a system check keeps `production` from starting with it.
"""

import json
from pathlib import Path
from typing import Any, Final

SECRET_KEY: Final = "local-development-only"  # noqa: S105  (nor are the others secrets)
#: The devstack's, known to all.
SSO_SECRET: Final = "edx_exams-sso-secret"  # noqa: S105
BACKEND_SERVICE_SECRET: Final = "edx_exams-backend-service-secret"  # noqa: S105
#: With which a developer's LMS signs the tokens of Studio and of workers.
JWT_SECRET_KEY: Final = "lms-secret"  # noqa: S105

#: The key pair with which the exam service of the platform's development environment signs; its LMS knows it.
SIGNING_JWK: Final[dict[str, Any]] = {
    "kid": "localdev_exam_token_key",
    "kty": "RSA",
    "key_ops": ["sign"],
    "n": (
        "o5cn3ljSRi6FaDEKTn0PS-oL9EFyv1pI7dRgffQLD1qf5D6sprmYfWWokSsrWig8u2y0HChSygR6Jn5KXBqQn6FpM0dDJLnWQDRX"
        "HLl3Ey1iPYgDSmOIsIGrV9ZyNCQwk03wAgWbfdBTig3QSDYD-sTNOs3pc4UD_PqAvU2nz_1SS2ZiOwOn5F6gulE1L0iE3KEUEvOI"
        "agfHNVhz0oxa_VRZILkzV-zr6R_TW1m97h4H8jXl_VJyQGyhMGGypuDrQ9_vaY_RLEulLCyY0INglHWQ7pckxBtI5q55-Vio2wge"
        "we2_qYcGsnBGaDNbySAsvYcWRrqDiFyzrJYivodqTQ"
    ),
    "e": "AQAB",
    "d": (
        "HIiV7KNjcdhVbpn3KT-I9n3JPf5YbGXsCIedmPqDH1d4QhBofuAqZ9zebQuxkRUpmqtYMv0Zi6ECSUqH387GYQF_XvFUFcjQRPyc"
        "ISd8TH0DAKaDpGr-AYNshnKiEtQpINhcP44I1AYNPCwyoxXA1fGTtmkKChsuWea7o8kytwU5xSejvh5-jiqu2SF4GEl0BEXIAPZs"
        "gbzoPIWNxgO4_RzNnWs6nJZeszcaDD0CyezVSuH9QcI6g5QFzAC_YuykSsaaFJhZ05DocBsLczShJ9Omf6PnK9xlm26I84xrEh_7"
        "x4fVmNBg3xWTLh8qOnHqGko93A1diLRCrKHOvnpvgQ"
    ),
    "p": (
        "3T3DEtBUka7hLGdIsDlC96Uadx_q_E4Vb1cxx_4Ss_wGp1Loz3N3ZngGyInsKlmbBgLo1Ykd6T9TRvRNEWEtFSOcm2INIBoVoXk7"
        "W5RuPa8Cgq2tjQj9ziGQ08JMejrPlj3Q1wmALJr5VTfvSYBu0WkljhKNCy1KB6fCby0C9WE"
    ),
    "q": (
        "vUqzWPZnDG4IXyo-k5F0bHV0BNL_pVhQoLW7eyFHnw74IOEfSbdsMspNcPSFIrtgPsn7981qv3lN_staZ6JflKfHayjB_lvltHyZ"
        "xfl0dvruShZOx1N6ykEo7YrAskC_qxUyrIvqmJ64zPW3jkuOYrFs7Ykj3zFx3Zq1H5568G0"
    ),
    "dp": (
        "Azh08H8r2_sJuBXAzx_mQ6iZnAZQ619PnJFOXjTqnMgcaK8iSHLL2CgDIUQwteUcBphgP0uBrfWIBs5jmM8rUtVz4CcrPb5jdjhH"
        "juu4NxmnFbPlhNoOp8OBUjPP3S-h-fPoaFjxDrUqz_zCdPVzp4S6UTkf6Hu-SiI9CFVFZ8E"
    ),
    "dq": (
        "WQ44_KTIbIej9qnYUPMA1DoaAF8ImVDIdiOp9c79dC7FvCpN3w-lnuugrYDM1j9Tk5bRrY7-JuE6OaKQgOtajoS1BIxjYHj5xAVP"
        "D15CVevOihqeq5Zx0ZAAYmmCKRrfUe0iLx2QnIcoKH1-Azs23OXeeo6nysznZjvv9NVJv60"
    ),
    "qi": (
        "KSWGH607H1kNG2okjYdmVdNgLxTUB-Wye9a9FNFE49UmQIOJeZYXtDzcjk8IiK3g-EU3CqBeDKVUgHvHFu4_Wj3IrIhKYizS4BeF"
        "mOcPDvylDQCmJcC9tXLQgHkxM_MEJ7iLn9FOLRshh7GPgZphXxMhezM26Cz-8r3_mACHu84"
    ),
}
#: `SIGNING_JWK` as settings want it: JSON text.
PRIVATE_SIGNING_JWK: Final = json.dumps(SIGNING_JWK)
#: Its public half, with which the LMS verifies exam access tokens.
PUBLIC_SIGNING_JWK: Final = {name: SIGNING_JWK[name] for name in ("kty", "kid", "n", "e")}

#: The public key of the development environment's LMS.
LMS_PUBLIC_JWK: Final = {
    "kid": "devstack_key",
    "e": "AQAB",
    "kty": "RSA",
    "n": (
        "smKFSYowG6nNUAdeqH1jQQnH1PmIHphzBmwJ5vRf1vu48BUI5VcVtUWIPqzRK_LDSlZYh9D0YFL0ZTxIrlb6Tn3Xz7pYvpIAeYuQ"
        "v3_H5p8tbz7Fb8r63c1828wXPITVTv8f7oxx5W3lFFgpFAyYMmROC4Ee9qG5T38LFe8_oAuFCEntimWxN9F3P-FJQy43TL7wG54W"
        "odgiM0EgzkeLr5K6cDnyckWjTuZbWI-4ffcTgTZsL_Kq1owa_J2ngEfxMCObnzGy5ZLcTUomo4rZLjghVpq6KZxfS6I1Vz79ZsMV"
        "UWEdXOYePCKKsrQG20ogQEkmTf9FT_SouC6jPcHLXw"
    ),
}
LMS_PUBLIC_JWK_SET: Final = json.dumps({"keys": [LMS_PUBLIC_JWK]})

#: The modulus of a key pair that earlier checkouts of this service had.
_FORMER_MODULUS: Final = (
    "yn3JGRC2QB1sE32h300AXOYI38fdxOISN9jLIAYjPVIkUapfhRbyJQR2uktm48ZdSA7Rlgou_F0iz2TDFDnR3q0n0VDJJzfONkZ8"
    "K9YgRnspl16gA34sJqI95v7BU4I3v0YIE2s22ljyddBHQ5NXk9VCKA3MaIEACztkitpB4jy9SkaPhG-bMMnfC6pLmdhGMNxHkYQP"
    "R0cnxa3BV11gm9hbjZgRuckp3FoH_liVIRjdX22tmevf9TyleP4MG96YDCvBDhnB-9HqM82N6FM0ix2vjQi32INKVEI0g_cCZ0oH"
    "A1Xyfuit_Xc1XoZJRm_ghjbGut5aNKNVsDhEysGOCQ"
)

#: What production refuses, for anybody can read it: in lower case.
PUBLISHED_SECRETS: Final = frozenset(
    {SECRET_KEY, SSO_SECRET, BACKEND_SERVICE_SECRET, JWT_SECRET_KEY, "insecure-secret-key", "tests-only"}
)
#: The moduli (`n`) of published key pairs.
PUBLISHED_KEY_MODULI: Final = frozenset({SIGNING_JWK["n"], LMS_PUBLIC_JWK["n"], _FORMER_MODULUS})


def jwt_auth(lms_root_url: str) -> dict[str, Any]:
    """Return what differs from base's `JWT_AUTH` where the LMS is a developer's: secret, audience, issuer, keys."""
    issuer = f"{lms_root_url}/oauth2"
    return {
        "JWT_SECRET_KEY": JWT_SECRET_KEY,
        "JWT_AUDIENCE": "lms-key",
        "JWT_ISSUER": issuer,
        "JWT_ISSUERS": [{"ISSUER": issuer, "SECRET_KEY": JWT_SECRET_KEY, "AUDIENCE": "lms-key"}],
        "JWT_PUBLIC_SIGNING_JWK_SET": LMS_PUBLIC_JWK_SET,
    }


def sqlite(path: Path | str) -> dict[str, Any]:
    """
    A SQLite database that stands concurrent writers.

    A transaction takes its write lock at BEGIN (`IMMEDIATE`) and waits for it, instead of failing half-way when its
    first write meets another's; readers go on meanwhile (write-ahead log).

    :param path: the database file; its directory must exist
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 20,  # seconds
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
        },
    }

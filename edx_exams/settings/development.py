"""
What a developer's machine uses where a deployment has secrets and servers of its own.

Everything here is public and protects nothing: a system check keeps `production` from starting with it.
"""

import json
from pathlib import Path
from typing import Any, Final

SECRET_KEY: Final = "local-development-only"  # noqa: S105  (nor are the others secrets)
#: The devstack's, known to all.
SSO_SECRET: Final = "edx_exams-sso-secret"  # noqa: S105
BACKEND_SERVICE_SECRET: Final = "edx_exams-backend-service-secret"  # noqa: S105

SIGNING_JWK: Final = {
    "kty": "RSA",
    "kid": "edx-exams-development",
    "use": "sig",
    "alg": "RS512",
    "n": (
        "yn3JGRC2QB1sE32h300AXOYI38fdxOISN9jLIAYjPVIkUapfhRbyJQR2uktm48ZdSA7Rlgou_F0iz2TDFDnR3q0n0VDJJzfO"
        "NkZ8K9YgRnspl16gA34sJqI95v7BU4I3v0YIE2s22ljyddBHQ5NXk9VCKA3MaIEACztkitpB4jy9SkaPhG-bMMnfC6pLmdhG"
        "MNxHkYQPR0cnxa3BV11gm9hbjZgRuckp3FoH_liVIRjdX22tmevf9TyleP4MG96YDCvBDhnB-"
        "9HqM82N6FM0ix2vjQi32INKVEI0g_cCZ0oHA1Xyfuit_Xc1XoZJRm_ghjbGut5aNKNVsDhEysGOCQ"
    ),
    "e": "AQAB",
    "d": (
        "MFGUp5EH1EPREtOTSVwv_nr72h5wynbhvwbR7anZRdwwg3ZCxdjkXjXy-"
        "OBeRHMEtlmm5IU4kgrNcCzMqipj7J1oF3gOD_gukl_-"
        "aF13pSnlklPHnh3A_lUPrWvUCQ_VKqTU74FRfQflj3xsTPE_YCzu1Oz5_mPt9UAubT3Io-nKekwWhi6HSpgFr98XESKCAhvk"
        "9kFKBkaemoHloBvNuDb9TXTToUmrbvIOgiA8FmibfrHpWBdbToXwdmpdklqgR6lqAHxrz19XoOffTWgZggDcsOZnX09MQBHm"
        "NwCAZkC1ePGi6nycC1RzQ2I2WZG4QEp0x48yl44PTwGaltmtaQ"
    ),
    "p": (
        "99wOHnFYjWNVfBQlesHcrqFTpz2iay5GRDaFfQ__enNpdRp12d3zEtuEgQb-"
        "ytPSMuO1bT2onyKVnN_p8Nqn_5xmqktUyGvFBhE6ODXhtTBl0iMSdlbjMLHt-xA_sZ_sjR4Xef2wKpz5r76GsBRjO9r3vY-"
        "rK9Fk5txB4UeVXD0"
    ),
    "q": (
        "0SRI8ggpjWMgla6zftXQA1zJ6pIZYDPfSq_uAyz_AXyzqVeKR6uOglBgGUsaZxTxtT3Tq5dSZaHoPj6OWTxQwJZPPVig6D8s"
        "Lp89eslc3VtI_RoGwJLov6KBsfoJD15spbcQGOLsf88s2Yw7c3M_18icQLg36vTC4B9nhOyMmb0"
    ),
    "dp": (
        "5BwvFk9kmwMvmnkEIV0nl8Q7s_AieZfl7UNsSTQfAPgUt0R579-"
        "3pMRIx2LDvbGCg3lT8MzNUl_G59Cfgh4KfVHYnqOjzKx6cGIMfc0BA_sdym6iwCyo_JjUl7pVlEjFsP5fxtL2fdFobhjf5k9"
        "tIJoeZORDOZmFzn4pV4bE7FU"
    ),
    "dq": (
        "zJDIRO0U77XA_ofWDD7I6zEMU0O6TG4Qf7ZbgYG2oFbASOhWWkoE55QEm1jpp2BGF_g0nYcy0jQuvQtlIwWrGuUq9p9FLEX2"
        "Slf5w6tICUArwV1-s0g_Hoquf05JJF5AuUq5FQ6JM26KuPPAhul4zfDsXSWTlF76akxtbggOcqU"
    ),
    "qi": (
        "3FXzdlr9uDo_7jOOMiWHHgWcBpgHOx2jDIMEfmdAKEsTypRegkkVW5ipKf43ihNOz8QKnT9Khp3P_5hGegxBB2yXOD-"
        "g40Orl6hIq8hcGEhsTPQgURjOs3R9EYcxWkh2j6uG3w60CXkhG3a-ohY2J63QYAG43l6z3k4G4sARLD8"
    ),
}

#: The key pair of `SIGNING_JWK` as settings want it: JSON text.
PRIVATE_SIGNING_JWK: Final = json.dumps(SIGNING_JWK)
PUBLIC_JWK_SET: Final = json.dumps(
    {"keys": [{name: SIGNING_JWK[name] for name in ("kty", "kid", "use", "alg", "n", "e")}]}
)


def jwt_auth(lms_root_url: str) -> dict[str, Any]:
    """What differs from base's `JWT_AUTH` where the LMS is a developer's: its well-known secret, audience, issuer."""
    issuer = f"{lms_root_url}/oauth2"
    return {
        "JWT_SECRET_KEY": "lms-secret",
        "JWT_AUDIENCE": "lms-key",
        "JWT_ISSUER": issuer,
        "JWT_ISSUERS": [{"ISSUER": issuer, "SECRET_KEY": "lms-secret", "AUDIENCE": "lms-key"}],
        "JWT_PUBLIC_SIGNING_JWK_SET": PUBLIC_JWK_SET,
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

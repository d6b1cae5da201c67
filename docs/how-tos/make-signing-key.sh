/opt/edx-exams/bin/python - <<PYTHON
import json
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

key = RSAAlgorithm.to_jwk(generate_private_key(65537, 2048), as_dict=True)
private = {"kid": "edx-exams-$(date +%Y%m%d%H%M%S)", "alg": "RS512", **{name: value for name, value in key.items() if name != "key_ops"}}
public = {name: private[name] for name in ("kid", "kty", "n", "e")}
print(f"JWT_PRIVATE_SIGNING_JWK: '{json.dumps(private)}'")
print(f"JWT_PUBLIC_SIGNING_JWK_SET: '{json.dumps({'keys': [public]})}'    # for the LMS")
PYTHON

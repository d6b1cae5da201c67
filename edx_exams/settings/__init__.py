"""Settings: `base` holds what environments share; `local`, `devstack`, `production` and `test` say what differs."""

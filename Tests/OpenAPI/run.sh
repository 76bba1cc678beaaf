#!/bin/sh
# Validates the OpenAPI documents and tests both services against them with schemathesis. Called by 'make test-openapi'.
#
#   Tests/OpenAPI/run.sh BIN [ARGUMENTS of openapi_test.py]     BIN: the directory of app-cp and app-ap
#
# schemathesis and openapi-spec-validator come from PyPI, into a virtual environment beside the build.
set -eu
cd "$(dirname "$0")/../.."

bin=$1
shift
venv=.build/openapi-venv
[ -x "$venv/bin/python3" ] || python3 -m venv "$venv"
"$venv/bin/python3" -c 'import openapi_spec_validator, schemathesis' 2>/dev/null \
    || "$venv/bin/pip" install --quiet 'schemathesis>=4.32,<5' 'openapi-spec-validator>=0.9,<1'
exec "$venv/bin/python3" -B Tests/OpenAPI/openapi_test.py --bin "$bin" "$@"

#!/bin/sh
# Shows that the server lets in who has a token of today's `aws eks get-token`: installs the AWS CLI from PyPI into a directory
# that is removed afterwards, and runs it against a fake AWS and the real server program. Needs python3 with venv, pip and a
# package index; no AWS account. To use an AWS CLI that is installed already: AWS_CLI=/path/to/aws eks-get-token.sh
set -eu
cd "$(dirname "$0")"
if [ -z "${AWS_CLI:-}" ]; then
    directory=$(mktemp -d)
    trap 'rm -rf "$directory"' EXIT
    python3 -m venv "$directory/venv"
    "$directory/venv/bin/pip" install --quiet --disable-pip-version-check awscli
    AWS_CLI="$directory/venv/bin/aws"
fi
export AWS_CLI
cargo test --quiet --package aws-iam-authenticator --test oracle_tokens -- --ignored --nocapture

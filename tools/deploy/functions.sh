#!/usr/bin/env bash
# Deploys functions, rules, indexes and hosting of this checkout. From cloudbuild.yaml, which sets PROJECT_ID, _REGION and
# _ENVIRONMENT. The Firebase CLI is the version that tools/firebase pins, and reads functions/.env.PROJECT, which is what
# `terraform output -raw functions_environment` says, kept in the deployments bucket as `environment`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
apt-get update -qq && apt-get install -y -qq python3-venv curl > /dev/null

token="$(curl --fail --silent -H 'Metadata-Flavor: Google' \
  http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token \
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')"
curl --fail --silent -H "Authorization: Bearer $token" -o "functions/.env.$PROJECT_ID" \
  "https://storage.googleapis.com/storage/v1/b/$PROJECT_ID-deployments/o/environment?alt=media"

# The CLI runs main.py to see which functions there are.
python3 -m venv functions/venv
functions/venv/bin/pip install --quiet --require-hashes -r functions/requirements.txt
npm ci --prefix tools/firebase --no-audit --no-fund
FUNCTIONS_REGION="$_REGION" tools/firebase/node_modules/.bin/firebase deploy --project "$PROJECT_ID" \
  --only functions,firestore,hosting --non-interactive --force

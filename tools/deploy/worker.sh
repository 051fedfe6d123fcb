#!/usr/bin/env bash
# Has the worker of a commit, whose images are pushed, take the jobs from now on. From cloudbuild.yaml, which sets IMAGE,
# PROJECT_ID, _GPU_SERVICE, _GPU_REGION, _RUNPOD_TEMPLATE and RUNPOD_API_KEY. Workers in mid-job finish it: a Cloud Run
# revision without traffic and a RunPod worker of an old template run until they are idle.
#   tools/deploy/worker.sh COMMIT
set -euo pipefail
commit="${1:?usage: $0 COMMIT}"

if [[ -n "${_GPU_SERVICE:-}" ]]; then
  gcloud run services update "$_GPU_SERVICE" --project "$PROJECT_ID" --region "$_GPU_REGION" --quiet \
    --image "$IMAGE-cloud-run:$commit"
fi

if [[ -n "${_RUNPOD_TEMPLATE:-}" ]]; then
  curl --fail --silent --show-error --output /dev/null --request PATCH \
    "https://rest.runpod.io/v1/templates/$_RUNPOD_TEMPLATE" \
    --header @<(printf 'Authorization: Bearer %s\n' "$RUNPOD_API_KEY") \
    --json "{\"imageName\": \"$IMAGE-runpod:$commit\"}"
fi

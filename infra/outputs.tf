# functions/.env.PROJECT, which the Firebase CLI reads:
#   terraform output -raw functions_environment > ../functions/.env.PROJECT
output "functions_environment" {
  description = "The functions' settings in this environment; secrets are bound from Secret Manager."
  value = join("", [
    for name, value in {
      FUNCTIONS_REGION      = local.region
      R2_ENDPOINT           = local.r2_endpoint
      R2_BUCKET             = cloudflare_r2_bucket.audio.name
      TASKS_SERVICE_ACCOUNT = google_service_account.tasks.email
      GPU_BACKEND           = var.gpu_backend
      VC_CB_ENDPOINT_ID     = var.runpod_clone_endpoint
      TTS_CB_ENDPOINT_ID    = var.runpod_narrate_endpoint
      GPU_HTTP_URL          = local.on_cloud_run ? local.gpu_url : ""
      ALLOW_ORIGINS         = join(",", var.web_origins)
      TRUSTED_PROXIES       = tostring(var.trusted_proxies)
    } : "${name}=${value}\n" if value != ""
  ])
}

output "image_repository" {
  description = "Where Cloud Build pushes the worker's images."
  value       = "${local.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "dashboard" {
  description = "The dashboard's name in Cloud Monitoring."
  value       = google_monitoring_dashboard.storyvoice.id
}

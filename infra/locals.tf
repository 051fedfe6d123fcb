# What is shared with the code is read from the file that the code writes (./dev values), never written again here.
locals {
  shared = jsondecode(file("${path.module}/values.json"))
  region = var.region != "" ? var.region : local.shared.region

  labels = {
    app         = "storyvoice"
    environment = var.environment
  }

  on_cloud_run = var.gpu_image != ""
  secrets      = setunion(local.shared.secrets.functions, local.shared.secrets.worker)
  r2_endpoint  = "https://${var.cloudflare_account}.r2.cloudflarestorage.com"

  # In Cloud Logging, what the functions write themselves: one JSON object a line (functions/jobs/logs.py).
  functions_log = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for each in local.shared.functions : "\"${each.service}\""])})",
  ])
}

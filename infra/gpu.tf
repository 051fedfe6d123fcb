locals {
  gpu_service = "storyvoice-gpu"
  # Cloud Run's deterministic address, so that the service can be told it as the audience of the tasks' tokens, path and all.
  gpu_url = "https://${local.gpu_service}-${data.google_project.this.number}.${var.gpu_region}.run.app/run"
}

# Cloud Run with one L4: the worker over HTTP, one job at a time, nothing while nobody asks. RunPod's side: runpod.json.
resource "google_cloud_run_v2_service" "gpu" {
  count = local.on_cloud_run ? 1 : 0

  name                 = local.gpu_service
  custom_audiences     = [local.gpu_url]
  location             = var.gpu_region
  ingress              = "INGRESS_TRAFFIC_ALL" # Cloud Tasks comes from outside the project's network; IAM keeps others out
  invoker_iam_disabled = false
  deletion_protection  = var.environment == "production"
  labels               = local.labels

  template {
    service_account                  = google_service_account.worker.email
    timeout                          = "${local.shared.gpuQueue.deadlineSeconds}s"
    max_instance_request_concurrency = 1
    gpu_zonal_redundancy_disabled    = true

    scaling {
      min_instance_count = 0
      max_instance_count = var.gpu_max_instances
    }

    node_selector {
      accelerator = "nvidia-l4"
    }

    containers {
      image = var.gpu_image

      resources {
        limits = {
          cpu              = "4"
          memory           = "16Gi"
          "nvidia.com/gpu" = "1"
        }
        cpu_idle          = false # a GPU needs CPU that is always allocated
        startup_cpu_boost = true
      }

      ports {
        container_port = 8080
      }

      # The port opens when the engine has spoken its first word.
      startup_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 30

        http_get {
          path = "/health"
        }
      }

      dynamic "env" {
        for_each = {
          GOOGLE_CLOUD_PROJECT = var.project
          R2_ENDPOINT          = local.r2_endpoint
          R2_BUCKET            = cloudflare_r2_bucket.audio.name
          R2_PUBLIC_BASE_URL   = var.public_domain != "" ? "https://${var.public_domain}" : ""
        }

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = toset(local.shared.secrets.worker)

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.settings[env.key].secret_id
              version = "latest"
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = var.weights_bucket != "" ? [var.weights_bucket] : []

        content {
          name       = "weights"
          mount_path = "/weights"
        }
      }
    }

    dynamic "volumes" {
      for_each = var.weights_bucket != "" ? [var.weights_bucket] : []

      content {
        name = "weights"

        gcs {
          bucket    = volumes.value
          read_only = true
        }
      }
    }
  }

  # Deployments (cloudbuild.yaml) bring new images and move the traffic; this is where the service begins.
  lifecycle {
    ignore_changes = [template[0].containers[0].image, template[0].revision, traffic, client, client_version]
  }

  depends_on = [google_secret_manager_secret_iam_member.worker]
}

resource "google_cloud_run_v2_service_iam_member" "tasks" {
  count = local.on_cloud_run ? 1 : 0

  name     = google_cloud_run_v2_service.gpu[0].name
  location = google_cloud_run_v2_service.gpu[0].location
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.tasks.email}"
}

resource "google_storage_bucket_iam_member" "weights" {
  count = var.weights_bucket != "" ? 1 : 0

  bucket = var.weights_bucket
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.worker.email}"
}

# The secrets' names are the settings' names. Their values never pass through Terraform, whose state is no safe:
#   printf %s "$VALUE" | gcloud secrets versions add NAME --data-file=-
resource "google_secret_manager_secret" "settings" {
  for_each = local.secrets

  secret_id = each.key
  labels    = local.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "functions" {
  for_each = toset(local.shared.secrets.functions)

  secret_id = google_secret_manager_secret.settings[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.functions.email}"
}

resource "google_secret_manager_secret_iam_member" "worker" {
  for_each = toset(local.shared.secrets.worker)

  secret_id = google_secret_manager_secret.settings[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.worker.email}"
}

# The Firebase CLI looks at the secrets that it binds.
resource "google_secret_manager_secret_iam_member" "deploy" {
  for_each = local.secrets

  secret_id = google_secret_manager_secret.settings[each.key].id
  role      = "roles/secretmanager.viewer"
  member    = "serviceAccount:${google_service_account.deploy.email}"
}

# What the smoke test signs in with: the app's public API key and an App Check debug token of its own.
resource "google_secret_manager_secret" "smoke" {
  for_each = toset(["SMOKE_API_KEY", "SMOKE_APP_CHECK_TOKEN"])

  secret_id = each.key
  labels    = local.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "smoke" {
  for_each = google_secret_manager_secret.smoke

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.deploy.email}"
}

# A new image is told to RunPod by the build.
resource "google_secret_manager_secret_iam_member" "runpod" {
  secret_id = google_secret_manager_secret.settings["RUNPOD_API_KEY"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.deploy.email}"
}

resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "eventarc.googleapis.com",
    "fcm.googleapis.com",
    "firebaseappcheck.googleapis.com",
    "firebasehosting.googleapis.com",
    "firebaserules.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "identitytoolkit.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "ondemandscanning.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}

# Rules, indexes and TTLs are the Firebase CLI's (firebase.json); this is the database that they are for.
resource "google_firestore_database" "default" {
  name                              = "(default)"
  location_id                       = local.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = var.environment == "production" ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  delete_protection_state           = var.environment == "production" ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"

  depends_on = [google_project_service.used]
}

resource "google_artifact_registry_repository" "images" {
  repository_id = "storyvoice"
  location      = local.region
  format        = "DOCKER"
  description   = "The GPU worker's images."
  labels        = local.labels

  # A digest that is deployed stays what it is; an image that nobody deployed goes.
  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "keep-the-last-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-after-sixty-days"
    action = "DELETE"

    condition {
      older_than = "5184000s"
    }
  }

  depends_on = [google_project_service.used]
}

# Which commit is deployed, for the next deployment to go back to.
resource "google_storage_bucket" "deployments" {
  name                        = "${var.project}-deployments"
  location                    = local.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = local.labels

  versioning {
    enabled = true
  }

  depends_on = [google_project_service.used]
}

resource "google_storage_bucket_iam_member" "deployments" {
  bucket = google_storage_bucket.deployments.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.deploy.email}"
}

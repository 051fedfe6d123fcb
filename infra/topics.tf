data "google_project" "this" {
  project_id = var.project
}

resource "google_pubsub_topic" "job_events" {
  name                       = local.shared.topics.jobEvents
  labels                     = local.labels
  message_retention_duration = "604800s"
  depends_on                 = [google_project_service.used]
}

resource "google_pubsub_topic" "budget" {
  name       = local.shared.topics.budget
  labels     = local.labels
  depends_on = [google_project_service.used]
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = {
    functions = google_service_account.functions.email
    worker    = google_service_account.worker.email
  }

  topic  = google_pubsub_topic.job_events.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${each.value}"
}

# What a function would not take for days ends here, where an alert sees it and a person can look. The functions'
# subscriptions are Eventarc's, made by the Firebase CLI, so infra/after_deploy.sh tells them of this topic.
resource "google_pubsub_topic" "dead_letters" {
  name       = "dead-letters"
  labels     = local.labels
  depends_on = [google_project_service.used]
}

resource "google_pubsub_subscription" "dead_letters" {
  name                       = "dead-letters"
  topic                      = google_pubsub_topic.dead_letters.id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"
  retain_acked_messages      = false

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself moves a message: it publishes to the dead letters and acknowledges it where it was.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.dead_letters.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

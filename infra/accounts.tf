# Who may do what. The README's table says why; a test keeps the two together.

resource "google_service_account" "functions" {
  account_id   = local.shared.functionsAccount
  display_name = "Storyvoice: the functions"
}

resource "google_service_account" "tasks" {
  account_id   = "storyvoice-tasks"
  display_name = "Storyvoice: whom Cloud Tasks calls as"
}

resource "google_service_account" "worker" {
  account_id   = "storyvoice-worker"
  display_name = "Storyvoice: the GPU worker"
}

resource "google_service_account" "deploy" {
  account_id   = "storyvoice-deploy"
  display_name = "Storyvoice: Cloud Build"
}

# The kill switch may stop the spending; it may not start it again, nor delete a queue.
resource "google_project_iam_custom_role" "queue_pauser" {
  role_id     = "storyvoiceQueuePauser"
  title       = "Storyvoice: pauses queues"
  permissions = ["cloudtasks.queues.get", "cloudtasks.queues.pause"]
}

locals {
  project_roles = {
    functions = [
      "roles/cloudtasks.enqueuer",
      "roles/cloudtasks.taskDeleter",
      "roles/cloudtasks.viewer",
      "roles/datastore.user",
      "roles/eventarc.eventReceiver",
      "roles/firebaseappcheck.tokenVerifier",
      "roles/firebaseauth.admin",
      "roles/firebasecloudmessaging.admin",
      google_project_iam_custom_role.queue_pauser.id,
    ]
    worker = [
      "roles/datastore.user",
      "roles/logging.logWriter",
    ]
    deploy = [
      "roles/artifactregistry.writer",
      "roles/cloudfunctions.admin",
      "roles/cloudscheduler.admin",
      "roles/cloudtasks.queueAdmin",
      "roles/datastore.indexAdmin",
      "roles/eventarc.admin",
      "roles/firebasehosting.admin",
      "roles/firebaserules.admin",
      "roles/logging.logWriter",
      "roles/ondemandscanning.admin",
      "roles/pubsub.admin",
      "roles/run.admin",
      "roles/serviceusage.serviceUsageConsumer",
    ]
  }

  emails = {
    functions = google_service_account.functions.email
    tasks     = google_service_account.tasks.email
    worker    = google_service_account.worker.email
    deploy    = google_service_account.deploy.email
  }

  bindings = merge([
    for account, roles in local.project_roles : {
      for index, role in roles : "${account}-${index}" => { account = account, role = role }
    }
  ]...)
}

resource "google_project_iam_member" "role" {
  for_each = local.bindings

  project = var.project
  role    = each.value.role
  member  = "serviceAccount:${local.emails[each.value.account]}"
}

# A task carries a token of the tasks' account; whoever creates the task must be allowed to act as it.
resource "google_service_account_iam_member" "functions_act_as_tasks" {
  service_account_id = google_service_account.tasks.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.functions.email}"
}

resource "google_service_account_iam_member" "deploy_acts_as_functions" {
  service_account_id = google_service_account.functions.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.deploy.email}"
}

resource "google_service_account_iam_member" "deploy_acts_as_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.deploy.email}"
}

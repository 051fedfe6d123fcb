# A queue for each task queue function, as the function's decorator says. The Firebase CLI gives an existing queue the
# same values when it deploys the function, so neither undoes what the other did.
resource "google_cloud_tasks_queue" "functions" {
  for_each = local.shared.taskQueues

  name     = each.key
  location = local.region

  rate_limits {
    max_concurrent_dispatches = each.value.maxConcurrentDispatches
    max_dispatches_per_second = each.value.maxDispatchesPerSecond
  }

  retry_config {
    max_attempts  = each.value.maxAttempts
    min_backoff   = "${each.value.minBackoffSeconds}s"
    max_backoff   = "${each.value.maxBackoffSeconds}s"
    max_doublings = each.value.maxDoublings
  }

  stackdriver_logging_config {
    sampling_ratio = 0.1
  }

  depends_on = [google_project_service.used]
}

# In front of Cloud Run's GPUs: as many tasks at once as there may be GPUs. A task that nobody could take comes again for a
# day; reconcile looks after the job meanwhile.
resource "google_cloud_tasks_queue" "gpu" {
  name     = local.shared.gpuQueue.name
  location = local.region

  rate_limits {
    max_concurrent_dispatches = var.gpu_max_instances
    max_dispatches_per_second = 5
  }

  retry_config {
    max_attempts       = -1
    max_retry_duration = "86400s"
    min_backoff        = "5s"
    max_backoff        = "300s"
    max_doublings      = 6
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }

  depends_on = [google_project_service.used]
}

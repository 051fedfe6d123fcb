# What a person has to know. What each means and what to do is in docs/operating.md, under the alert's name.
resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  display_name = "storyvoice: ${each.key}"
  type         = "email"

  labels = {
    email_address = each.key
  }
}

locals {
  log_metric_type = "metric.type=\"logging.googleapis.com/user/storyvoice"
  on_functions    = "resource.type=\"cloud_run_revision\""

  # Open when more than `above` come within `window`; `aligner` makes one figure of what a window holds.
  counted_alerts = {
    jobs-failing = {
      says    = "Jobs fail for good"
      filter  = "${local.log_metric_type}/jobs_ended\" AND ${local.on_functions} AND metric.labels.state=\"failed\""
      aligner = "ALIGN_SUM"
      window  = "600s"
      above   = var.failed_jobs_alert - 1
      lasts   = "0s"
      urgent  = true
    }
    oldest-pending = {
      says    = "Requests stay pending"
      filter  = "${local.log_metric_type}/requests_pending\" AND ${local.on_functions}"
      aligner = "ALIGN_PERCENTILE_99" # of the rounds in a minute, which is one
      window  = "60s"
      above   = 0
      lasts   = "300s" # reconcile admits what it finds; five minutes in a row it cannot
      urgent  = true
    }
    stuck-leases = {
      says    = "Leases lapse: workers die, or cannot reach Firestore"
      filter  = "${local.log_metric_type}/leases_lapsed\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "900s"
      above   = 5
      lasts   = "0s"
      urgent  = false
    }
    quota-refusals = {
      says    = "Many requests are over their quota"
      filter  = "${local.log_metric_type}/quota_refusals\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "3600s"
      above   = var.refusals_alert
      lasts   = "0s"
      urgent  = false
    }
    gpu-service-refuses = {
      says    = "The GPU service refuses our key or endpoint"
      filter  = "${local.log_metric_type}/gpu_refuses\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "300s"
      above   = 0
      lasts   = "0s"
      urgent  = true
    }
    storage-refuses = {
      says    = "R2 refuses our key or bucket"
      filter  = "${local.log_metric_type}/storage_refuses\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "300s"
      above   = 0
      lasts   = "0s"
      urgent  = true
    }
    queues-paused = {
      says    = "The budget is spent and the queues are paused"
      filter  = "${local.log_metric_type}/queues_paused\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "300s"
      above   = 0
      lasts   = "0s"
      urgent  = true
    }
    unexpected-errors = {
      says    = "Something failed in a way that we did not expect"
      filter  = "${local.log_metric_type}/unexpected_errors\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      window  = "600s"
      above   = 2
      lasts   = "0s"
      urgent  = false
    }
    dead-letters = {
      says    = "A message was given up"
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letters.name}\""
      aligner = "ALIGN_MAX"
      window  = "300s"
      above   = 0
      lasts   = "0s"
      urgent  = false
    }
  }
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = local.counted_alerts

  display_name          = "storyvoice ${var.environment}: ${each.value.says}"
  combiner              = "OR"
  severity              = each.value.urgent ? "CRITICAL" : "WARNING"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = merge(local.labels, { alert = each.key })

  conditions {
    display_name = each.value.says

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.lasts

      aggregations {
        alignment_period     = each.value.window
        per_series_aligner   = each.value.aligner
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "What it means and what to do: docs/operating.md, \"${each.key}\"."
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.functions]
}

# Jobs wait for a GPU and for twenty minutes none has been done: the pool is at zero and stays there.
resource "google_monitoring_alert_policy" "gpu_pool" {
  display_name          = "storyvoice ${var.environment}: No GPU takes the jobs that wait"
  combiner              = "AND"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = merge(local.labels, { alert = "gpu-pool-at-zero" })

  conditions {
    display_name = "Jobs wait for a GPU"

    condition_threshold {
      filter          = "${local.log_metric_type}/waiting_for_gpu\" AND ${local.on_functions}"
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  conditions {
    display_name = "No job has ended"

    condition_absent {
      filter   = "${local.log_metric_type}/jobs_ended\" AND ${local.on_functions}"
      duration = "1200s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "What it means and what to do: docs/operating.md, \"gpu-pool-at-zero\"."
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.functions]
}

# Everything that gets stuck is mended by the minute's reconcile: nothing else notices when that stops.
resource "google_monitoring_alert_policy" "reconcile_stopped" {
  display_name          = "storyvoice ${var.environment}: reconcile does not run"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  user_labels           = merge(local.labels, { alert = "reconcile-stopped" })

  conditions {
    display_name = "No successful run for ten minutes"

    condition_absent {
      filter   = "metric.type=\"run.googleapis.com/request_count\" AND ${local.on_functions} AND resource.labels.service_name=\"${local.shared.functions.reconcile.service}\" AND metric.labels.response_code_class=\"2xx\""
      duration = "600s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_SUM"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "What it means and what to do: docs/operating.md, \"reconcile-stopped\"."
    mime_type = "text/markdown"
  }
}

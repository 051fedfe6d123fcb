# Only what Google bills: RunPod is prepaid and has limits of its own (runpod.json), R2 has none and is small (docs/costs.md).
resource "google_billing_budget" "month" {
  billing_account = var.billing_account
  display_name    = "storyvoice ${var.environment}"

  budget_filter {
    projects               = ["projects/${data.google_project.this.number}"]
    calendar_period        = "MONTH"
    credit_types_treatment = "EXCLUDE_ALL_CREDITS"
  }

  amount {
    specified_amount {
      units = tostring(floor(var.monthly_budget))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.8, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  # Every message carries the cost so far; on_budget_alert pauses the queues at 100 %, and says so in the log.
  all_updates_rule {
    pubsub_topic                     = google_pubsub_topic.budget.id
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.name]
  }
}

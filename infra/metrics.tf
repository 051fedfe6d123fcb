# Figures that Cloud Monitoring does not have by itself, counted from the functions' own log lines. A test holds the words
# looked for here against the words that the code writes.
locals {
  log_metrics = {
    jobs_ended = {
      filter    = "jsonPayload.message=~\"^job event: (succeeded|failed|cancelled)$\""
      extractor = ""
      labels    = { state = "EXTRACT(jsonPayload.state)" }
    }
    requests_pending = {
      filter    = "jsonPayload.message=~\"^reconciled: .*[0-9]+ pending\""
      extractor = "REGEXP_EXTRACT(jsonPayload.message, \"([0-9]+) pending\")"
      labels    = {}
    }
    leases_lapsed = {
      filter    = "jsonPayload.message=~\"^lease lapsed while \""
      extractor = ""
      labels    = { state = "REGEXP_EXTRACT(jsonPayload.message, \"lapsed while ([a-z]+)\")" }
    }
    waiting_for_gpu = {
      filter    = "jsonPayload.message=\"waits for a GPU\""
      extractor = ""
      labels    = {}
    }
    gpu_refuses = {
      filter    = "jsonPayload.message=~\"^the GPU service refuses us\""
      extractor = ""
      labels    = {}
    }
    storage_refuses = {
      filter    = "jsonPayload.message=~\"^the object storage refuses us\""
      extractor = ""
      labels    = {}
    }
    quota_refusals = {
      filter    = "jsonPayload.message=\"refused: resource_exhausted\""
      extractor = ""
      labels    = {}
    }
    queues_paused = {
      filter    = "jsonPayload.message=~\"^queues paused: \""
      extractor = ""
      labels    = {}
    }
    unexpected_errors = {
      filter    = "severity>=ERROR AND jsonPayload.message=\"unexpected\""
      extractor = ""
      labels    = {}
    }
  }
}

resource "google_logging_metric" "functions" {
  for_each = local.log_metrics

  name            = "storyvoice/${each.key}"
  filter          = "${local.functions_log} AND ${each.value.filter}"
  value_extractor = each.value.extractor != "" ? each.value.extractor : null

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.extractor != "" ? "DISTRIBUTION" : "INT64"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  label_extractors = each.value.labels

  depends_on = [google_project_service.used]
}

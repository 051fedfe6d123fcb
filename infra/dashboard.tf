locals {
  charts = [
    {
      title   = "Jobs ended, by how"
      filter  = "${local.log_metric_type}/jobs_ended\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      by      = ["metric.labels.state"]
    },
    {
      title   = "Tasks that wait, by queue"
      filter  = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" AND resource.type=\"cloud_tasks_queue\""
      aligner = "ALIGN_MAX"
      by      = ["resource.labels.queue_id"]
    },
    {
      title   = "Looks at jobs that wait for a GPU"
      filter  = "${local.log_metric_type}/waiting_for_gpu\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      by      = []
    },
    {
      title   = "Leases that lapsed, by state"
      filter  = "${local.log_metric_type}/leases_lapsed\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      by      = ["metric.labels.state"]
    },
    {
      title   = "Refused for a quota"
      filter  = "${local.log_metric_type}/quota_refusals\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      by      = []
    },
    {
      title   = "Requests of functions, by answer"
      filter  = "metric.type=\"run.googleapis.com/request_count\" AND ${local.on_functions}"
      aligner = "ALIGN_SUM"
      by      = ["metric.labels.response_code_class"]
    },
    {
      title   = "Instances, by service"
      filter  = "metric.type=\"run.googleapis.com/container/instance_count\" AND ${local.on_functions}"
      aligner = "ALIGN_MAX"
      by      = ["resource.labels.service_name"]
    },
    {
      title   = "Firestore: documents read"
      filter  = "metric.type=\"firestore.googleapis.com/document/read_count\" AND resource.type=\"firestore_instance\""
      aligner = "ALIGN_SUM"
      by      = ["metric.labels.type"]
    },
    {
      title   = "Dead letters"
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letters.name}\""
      aligner = "ALIGN_MAX"
      by      = []
    },
  ]
}

resource "google_monitoring_dashboard" "storyvoice" {
  dashboard_json = jsonencode({
    displayName = "Storyvoice ${var.environment}"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos   = (index % 3) * 4
          yPos   = floor(index / 3) * 4
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = "REDUCE_SUM"
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.functions]
}

resource "aws_cloudwatch_dashboard" "loop" {
  dashboard_name = "${var.observability.prefix}-loop"

  dashboard_body = jsonencode({
    widgets = [for place, widget in local.widgets : {
      type = "metric", width = 12, height = 6, x = place % 2 * 12, y = floor(place / 2) * 6
      properties = {
        title = widget.title, region = var.observability.region, view = "timeSeries", period = 3600
        stat  = widget.stat, metrics = widget.metrics
      }
    }]
  })
}

locals {
  # The loop at a glance; the first twenty symbols keep the lines readable.
  shown = slice(sort(keys(local.subjects)), 0, min(20, length(local.subjects)))
  lines = [for name in local.shown : flatten([for key, value in local.subjects[name].dimensions : [key, value]])]

  widgets = concat(
    [for each in [
      { title = "Error against zero-change (above 1: worse)", stat = "Maximum", metric = "RelativeMae" },
      { title = "Mean absolute error of the window", stat = "Maximum", metric = "WindowMae" },
      { title = "Age of the newest candle, seconds", stat = "Maximum", metric = "FreshnessSeconds" },
      { title = "Forecasts made", stat = "Sum", metric = "ForecastsMade" },
      { title = "Candles written", stat = "Sum", metric = "CandlesWritten" },
      { title = "Hours missing in the history", stat = "Maximum", metric = "GapsOpen" },
      { title = "Candles quarantined", stat = "Sum", metric = "CandlesQuarantined" },
      { title = "Candles corrected by their exchange", stat = "Sum", metric = "CandlesCorrected" },
      { title = "Time of a fetch, seconds", stat = "Maximum", metric = "FetchSeconds" },
      { title = "Requests to exchanges", stat = "Sum", metric = "FetchRequests" },
    ] : { title = each.title, stat = each.stat, metrics = [for line in local.lines : concat(["candlecast", each.metric], line)] }],
    [
      {
        title   = "Candles taken, by exchange", stat = "Sum",
        metrics = [for pair in setproduct(local.lines, var.observability.exchanges) : concat(["candlecast", "SourceUsed"], pair[0], ["source", pair[1]])]
      },
      { title = "Function errors", stat = "Sum", metrics = [for name in values(var.observability.functions) : ["AWS/Lambda", "Errors", "FunctionName", name]] },
      { title = "API answers", stat = "Sum", metrics = [for metric in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", var.observability.api.name, "Stage", var.observability.api.stage]] },
    ],
  )
}

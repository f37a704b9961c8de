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
  shown = slice(sort(tolist(var.observability.symbols)), 0, min(20, length(var.observability.symbols)))
  widgets = [
    { title = "Error against zero-change (above 1: worse)", stat = "Maximum", metrics = [for s in local.shown : ["candlecast", "RelativeMae", "environment", var.observability.environment, "symbol", s]] },
    { title = "Mean absolute error of the window", stat = "Maximum", metrics = [for s in local.shown : ["candlecast", "WindowMae", "environment", var.observability.environment, "symbol", s]] },
    { title = "Age of the newest candle, seconds", stat = "Maximum", metrics = [for s in local.shown : ["candlecast", "FreshnessSeconds", "environment", var.observability.environment, "symbol", s]] },
    { title = "Forecasts made", stat = "Sum", metrics = [for s in local.shown : ["candlecast", "ForecastsMade", "environment", var.observability.environment, "symbol", s]] },
    { title = "Function errors", stat = "Sum", metrics = [for name in values(var.observability.functions) : ["AWS/Lambda", "Errors", "FunctionName", name]] },
    { title = "API answers", stat = "Sum", metrics = [for metric in ["Count", "4XXError", "5XXError"] : ["AWS/ApiGateway", metric, "ApiName", var.observability.api.name, "Stage", var.observability.api.stage]] },
  ]
}

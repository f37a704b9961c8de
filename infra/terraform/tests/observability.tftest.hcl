# Alarms and dashboard of few and of many symbols.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  observability = {
    prefix         = "candlecast-dev"
    environment    = "dev"
    region         = "eu-central-1"
    account        = "123456789012"
    symbols        = ["BTC-USDT", "ETH-USDT"]
    symbols_apart  = 2
    gap_hours      = 24
    exchanges      = ["coinbase", "bitstamp"]
    functions      = { ingest = "candlecast-dev-ingest" }
    dead_letters   = ["candlecast-dev-ingest-dead-letters"]
    api            = { name = "candlecast-dev-api", stage = "v1" }
    state_machines = { retraining = "arn:retraining", backfill = "arn:backfill" }
  }
}

run "each_of_few_symbols_has_alarms_of_its_own" {
  command = plan
  module {
    source = "./modules/observability"
  }

  assert {
    condition = alltrue([for kind in ["freshness", "gaps", "quarantine", "champion", "drift"] : alltrue([
      for symbol in ["BTC-USDT", "ETH-USDT"] : aws_cloudwatch_metric_alarm.alarm["${kind}-${symbol}"].dimensions == tomap({ environment = "dev", symbol = symbol })
    ])])
    error_message = "Every symbol has its alarms, by its own dimension."
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.alarm), "silent-symbols")
    error_message = "A symbol's own freshness tells of its silence."
  }
}

run "many_symbols_share_their_alarms" {
  command = plan
  module {
    source = "./modules/observability"
  }
  variables {
    observability = merge(var.observability, { symbols = [for i in range(400) : "S${i}-USDT"] })
  }

  assert {
    condition     = length([for name in keys(aws_cloudwatch_metric_alarm.alarm) : name if endswith(name, "-symbols")]) == 6
    error_message = "400 symbols have six alarms together."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alarm["freshness-symbols"].dimensions == tomap({ environment = "dev" })
    error_message = "A shared alarm looks at the metric without a symbol."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.alarm["silent-symbols"].statistic == "SampleCount" &&
      aws_cloudwatch_metric_alarm.alarm["silent-symbols"].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.alarm["silent-symbols"].threshold == 400
    )
    error_message = "One symbol's silence shows in how many reported."
  }
}

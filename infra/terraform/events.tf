# What sets the functions going. Schedules are rules with UTC cron on the default bus: those fire on AWS and on every
# emulator alike. The functions' own resource policies name these rules (modules/function).
resource "aws_cloudwatch_event_bus" "bus" {
  name = local.bus_name
}

resource "aws_cloudwatch_event_rule" "ingest" {
  count = local.shards

  name                = "${local.prefix}-ingest-${count.index}"
  description         = "Hourly candles of shard ${count.index}: ${local.settings.shard_size} symbols at most"
  schedule_expression = local.settings.schedules.ingest
}

resource "aws_cloudwatch_event_rule" "drift" {
  name                = "${local.prefix}-drift"
  description         = "Checks every symbol's forecasts against what happened"
  schedule_expression = local.settings.schedules.drift
}

resource "aws_cloudwatch_event_rule" "candles_stored" {
  name           = "${local.prefix}-candles-stored"
  description    = "New candles make a new forecast"
  event_bus_name = aws_cloudwatch_event_bus.bus.name

  event_pattern = jsonencode({
    source      = ["candlecast"]
    detail-type = ["CandlesStored"]
    detail      = { schema_version = [1] }
  })
}

resource "aws_cloudwatch_event_target" "ingest" {
  count = length(aws_cloudwatch_event_rule.ingest)

  rule = aws_cloudwatch_event_rule.ingest[count.index].name
  arn  = module.function["ingest"].function.arn

  input_transformer {
    input_paths    = { time = "$.time" }
    input_template = "{\"time\": <time>, \"shard\": ${count.index}}"
  }

  dead_letter_config {
    arn = module.function["ingest"].dead_letters.arn
  }
}

resource "aws_cloudwatch_event_target" "drift" {
  rule = aws_cloudwatch_event_rule.drift.name
  arn  = module.function["drift"].function.arn

  input_transformer {
    input_paths    = { time = "$.time" }
    input_template = "{\"time\": <time>}"
  }

  dead_letter_config {
    arn = module.function["drift"].dead_letters.arn
  }
}

resource "aws_cloudwatch_event_target" "predict" {
  rule           = aws_cloudwatch_event_rule.candles_stored.name
  event_bus_name = aws_cloudwatch_event_bus.bus.name
  arn            = module.function["predict"].function.arn

  dead_letter_config {
    arn = module.function["predict"].dead_letters.arn
  }
}

# Backfill: the state machine of backfill.asl.json, and its weekly start, which asks again for every missing hour.

locals {
  name = "${var.backfill.prefix}-backfill"
  arn  = "arn:${var.backfill.partition}:states:${var.backfill.region}:${var.backfill.account}:stateMachine:${local.name}"
}

resource "aws_sfn_state_machine" "backfill" {
  name     = local.name
  role_arn = aws_iam_role.machine.arn

  definition = templatefile("${path.module}/backfill.asl.json", {
    ingest_function = var.backfill.ingest_function_arn
    ingest_timeout  = var.backfill.ingest_timeout + 30
    concurrency     = var.backfill.concurrency
    machine_timeout = 2 * 24 * 3600 # 400 symbols of 75 months take hours where an exchange makes us wait
  })

  depends_on = [aws_iam_role_policy.machine]
}

# --- The weekly repair ------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "weekly" {
  name                = "${var.backfill.prefix}-repair"
  description         = "Asks again for every hour that the stored history lacks"
  schedule_expression = var.backfill.schedule
}

resource "aws_cloudwatch_event_target" "weekly" {
  rule     = aws_cloudwatch_event_rule.weekly.name
  arn      = aws_sfn_state_machine.backfill.arn
  role_arn = aws_iam_role.weekly.arn
  input    = "{}"

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${local.name}-dead-letters"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "UndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:${var.backfill.partition}:sqs:${var.backfill.region}:${var.backfill.account}:${local.name}-dead-letters"
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.weekly.arn } }
    }]
  })
}

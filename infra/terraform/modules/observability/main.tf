# Alarms and whom they tell. Only simple alarms on one metric: metric math is evaluated on AWS alone.

resource "aws_sns_topic" "alarms" {
  name = "${var.observability.prefix}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisStack"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.observability.account }
        ArnLike      = { "aws:SourceArn" = "arn:*:cloudwatch:${var.observability.region}:${var.observability.account}:alarm:${var.observability.prefix}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.observability.email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.observability.email
}

locals {
  # Every alarm as a row: what is measured, when it is too much, what silence means, and what to do.
  alarms = merge(
    local.symbol_alarms,
    { for part, name in var.observability.functions : "${part}-errors" => {
      namespace  = "AWS/Lambda", metric = "Errors", statistic = "Sum", threshold = 0, period = 300, periods = 1
      dimensions = { FunctionName = name }, missing = "notBreaching"
      runbook    = "${name} failed. Read the newest errors in /aws/lambda/${name}; what its retries could not mend lies in ${name}-dead-letters."
    } },
    { for queue in var.observability.dead_letters : trimprefix(queue, "${var.observability.prefix}-") => {
      namespace  = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", threshold = 0, period = 300, periods = 1
      dimensions = { QueueName = queue }, missing = "notBreaching"
      runbook    = "An event could not be handled and waits in ${queue}. Read it there, mend the cause, send its requestPayload to the function again, delete it."
    } },
    {
      "retraining-failed" = {
        namespace  = "AWS/States", metric = "ExecutionsFailed", statistic = "Sum", threshold = 0, period = 300, periods = 1
        dimensions = { StateMachineArn = var.observability.state_machines.retraining }, missing = "notBreaching"
        runbook    = "Retraining failed; the old champion still serves. Open the failed execution of the state machine; the training log is in /aws/sagemaker/TrainingJobs. Start it again with {}."
      }
      "retraining-timed-out" = {
        namespace  = "AWS/States", metric = "ExecutionsTimedOut", statistic = "Sum", threshold = 0, period = 300, periods = 1
        dimensions = { StateMachineArn = var.observability.state_machines.retraining }, missing = "notBreaching"
        runbook    = "Retraining took too long and was ended; the old champion still serves. See which state hung, and training.max_runtime_minutes in settings.yaml."
      }
      "backfill-failed" = {
        namespace  = "AWS/States", metric = "ExecutionsFailed", statistic = "Sum", threshold = 0, period = 300, periods = 1
        dimensions = { StateMachineArn = var.observability.state_machines.backfill }, missing = "notBreaching"
        runbook    = "A backfill or the weekly repair could not fill some months; what it stored stays. Open the failed execution of the state machine: its cause names symbol, month and error. Start it again with the same input."
      }
      "backfill-timed-out" = {
        namespace  = "AWS/States", metric = "ExecutionsTimedOut", statistic = "Sum", threshold = 0, period = 300, periods = 1
        dimensions = { StateMachineArn = var.observability.state_machines.backfill }, missing = "notBreaching"
        runbook    = "A backfill took too long and was ended; what it stored stays. Look whether an exchange throttles us, lower or raise exchange.backfill_concurrency in settings.yaml, and start it again with the same input."
      }
      "api-5xx" = {
        namespace  = "AWS/ApiGateway", metric = "5XXError", statistic = "Sum", threshold = 0, period = 300, periods = 1
        dimensions = { ApiName = var.observability.api.name, Stage = var.observability.api.stage }, missing = "notBreaching"
        runbook    = "The API answered with a server error. Find the request in /aws/apigateway/${var.observability.api.name} and its error in the api function's log."
      }
    }
  )
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.observability.prefix}-${each.key}"
  alarm_description   = each.value.runbook
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

locals {
  queue_arn = "arn:${var.function.partition}:sqs:${var.function.region}:${var.function.account}:${var.function.name}-dead-letters"

  # What every function does, beside its own statements.
  own = concat(
    [
      {
        sid       = "WriteLogs"
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["arn:${var.function.partition}:logs:${var.function.region}:${var.function.account}:log-group:/aws/lambda/${var.function.name}:*"]
        condition = null
      },
      {
        sid       = "LeaveDeadLetters"
        actions   = ["sqs:SendMessage"]
        resources = [local.queue_arn]
        condition = null
      },
    ],
    # X-Ray's actions take no resource.
    var.function.tracing ? [{
      sid       = "SendTraces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
      condition = null
    }] : []
  )

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in concat(local.own, var.function.statements) : merge(
      { Sid = statement.sid, Effect = "Allow", Action = statement.actions, Resource = statement.resources },
      statement.condition == null ? {} : {
        Condition = { (statement.condition.test) = { (statement.condition.variable) = statement.condition.values } }
      }
    )]
  })
}

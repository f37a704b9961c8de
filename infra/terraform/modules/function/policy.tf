data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # What every function does, beside its own statements.
  own = concat(
    [
      {
        sid       = "WriteLogs"
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.function.name}:*"]
        condition = null
      },
      {
        sid       = "LeaveDeadLetters"
        actions   = ["sqs:SendMessage"]
        resources = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.function.name}-dead-letters"]
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

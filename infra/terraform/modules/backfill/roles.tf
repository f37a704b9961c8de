# Who may do what in a backfill: the state machine, and the rule that starts it.

resource "aws_iam_role" "machine" {
  name        = local.name
  description = "The backfill state machine"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.backfill.account }, ArnLike = { "aws:SourceArn" = local.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  name = "capabilities"
  role = aws_iam_role.machine.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "PlanAndFillMonths"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [var.backfill.ingest_function_arn]
      },
      {
        # What a distributed map needs to run, and to end, its child executions.
        # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        Sid      = "RunEachSymbol"
        Effect   = "Allow"
        Action   = ["states:StartExecution"]
        Resource = [local.arn]
      },
      {
        Sid      = "FollowEachSymbol"
        Effect   = "Allow"
        Action   = ["states:DescribeExecution", "states:StopExecution"]
        Resource = ["arn:${var.backfill.partition}:states:${var.backfill.region}:${var.backfill.account}:execution:${local.name}/*"]
      },
    ]
  })
}

resource "aws_iam_role" "weekly" {
  name        = "${local.name}-weekly"
  description = "The calendar rule that starts a repair"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnLike = { "aws:SourceArn" = aws_cloudwatch_event_rule.weekly.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "weekly" {
  name = "capabilities"
  role = aws_iam_role.weekly.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartBackfill"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = [local.arn]
    }]
  })
}

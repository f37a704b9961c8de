# One function with its role, log group, dead letters and the rules that may start it.

# Before the function: Lambda would make the group itself at the first call, without retention.
resource "aws_cloudwatch_log_group" "logs" {
  name              = "/aws/lambda/${var.function.name}"
  retention_in_days = var.function.log_retention_days
}

# Takes both what EventBridge could not deliver and what the function failed at more often than it is retried.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.function.name}-dead-letters"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true

  policy = length(var.function.rules) == 0 ? null : jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "UndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.queue_arn
      Condition = { ArnEquals = { "aws:SourceArn" = values(var.function.rules) } }
    }]
  })
}

resource "aws_iam_role" "role" {
  name        = var.function.name
  description = "What ${var.function.name} may do"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "capabilities" {
  name   = "capabilities"
  role   = aws_iam_role.role.id
  policy = local.policy
}

resource "aws_lambda_function" "function" {
  function_name = var.function.name
  description   = var.function.description
  role          = aws_iam_role.role.arn
  runtime       = var.function.runtime
  architectures = [var.function.architecture]
  handler       = var.function.handler
  s3_bucket     = var.function.package.bucket
  s3_key        = var.function.package.key
  layers        = var.function.layers
  memory_size   = var.function.memory_mb
  timeout       = var.function.timeout_seconds

  environment {
    variables = var.function.environment
  }

  tracing_config {
    mode = var.function.tracing ? "Active" : "PassThrough"
  }

  depends_on = [aws_cloudwatch_log_group.logs, aws_iam_role_policy.capabilities]
}

resource "aws_lambda_function_event_invoke_config" "asynchronous" {
  function_name                = aws_lambda_function.function.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 3600 # by then the next hour's run heals what this one missed

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_lambda_permission" "rule" {
  for_each = var.function.rules

  statement_id  = each.key
  function_name = aws_lambda_function.function.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = each.value
}

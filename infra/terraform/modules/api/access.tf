# Who may call, how often; and the account-wide consent for API Gateway to write access logs.

resource "aws_api_gateway_api_key" "default" {
  name  = var.api.key_name
  value = var.api.key_value
}

resource "aws_api_gateway_usage_plan" "default" {
  name = var.api.key_name

  api_stages {
    api_id = aws_api_gateway_rest_api.api.id
    stage  = aws_api_gateway_stage.v1.stage_name
  }

  throttle_settings {
    rate_limit  = var.api.throttle_rate
    burst_limit = var.api.throttle_burst
  }

  quota_settings {
    limit  = var.api.quota_per_day
    period = "DAY"
  }
}

resource "aws_api_gateway_usage_plan_key" "default" {
  usage_plan_id = aws_api_gateway_usage_plan.default.id
  key_id        = aws_api_gateway_api_key.default.id
  key_type      = "API_KEY"
}

resource "aws_iam_role" "logging" {
  count = var.api.account_logging ? 1 : 0

  name = "${var.api.name}-logging"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# API Gateway insists on AWS's own policy here.
resource "aws_iam_role_policy_attachment" "logging" {
  count = var.api.account_logging ? 1 : 0

  role       = aws_iam_role.logging[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "logging" {
  count = var.api.account_logging ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.logging[0].arn
  depends_on          = [aws_iam_role_policy_attachment.logging]
}

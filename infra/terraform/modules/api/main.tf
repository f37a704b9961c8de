# REST API v1 (it has keys and usage plans, and answers on every emulator): everything is proxied to the function.

resource "aws_api_gateway_rest_api" "api" {
  name        = var.api.name
  description = "candlecast: forecasts of the next hour"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "proxy" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "{proxy+}"
}

resource "aws_api_gateway_resource" "health" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "health"
}

locals {
  routes = {
    root   = { resource_id = aws_api_gateway_rest_api.api.root_resource_id, method = "ANY", needs_key = true }
    proxy  = { resource_id = aws_api_gateway_resource.proxy.id, method = "ANY", needs_key = true }
    health = { resource_id = aws_api_gateway_resource.health.id, method = "GET", needs_key = false }
  }
}

resource "aws_api_gateway_method" "route" {
  for_each = local.routes

  rest_api_id      = aws_api_gateway_rest_api.api.id
  resource_id      = each.value.resource_id
  http_method      = each.value.method
  authorization    = "NONE"
  api_key_required = each.value.needs_key
}

resource "aws_api_gateway_integration" "route" {
  for_each = local.routes

  rest_api_id             = aws_api_gateway_rest_api.api.id
  resource_id             = each.value.resource_id
  http_method             = aws_api_gateway_method.route[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = var.api.invoke_arn
}

resource "aws_lambda_permission" "gateway" {
  statement_id  = "gateway"
  function_name = var.api.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.api.execution_arn}/*"
}

# What the gateway refuses itself, as RFC 9457 problems with the remedy.
resource "aws_api_gateway_gateway_response" "refusal" {
  for_each = local.refusals

  rest_api_id   = aws_api_gateway_rest_api.api.id
  response_type = each.key
  status_code   = each.value.status

  response_templates = {
    "application/json" = jsonencode({ type = "about:blank", title = each.value.title, status = tonumber(each.value.status), detail = each.value.detail })
  }
}

locals {
  refusals = {
    INVALID_API_KEY = {
      status = "403"
      title  = "API key missing or wrong"
      detail = "Send a valid key in the header x-api-key."
    }
    THROTTLED = {
      status = "429"
      title  = "Too many requests"
      detail = "At most ${var.api.throttle_rate} requests a second for this key; wait a second and try again."
    }
    QUOTA_EXCEEDED = {
      status = "429"
      title  = "Daily quota used up"
      detail = "At most ${var.api.quota_per_day} requests a day for this key; the count starts anew at 00:00 UTC."
    }
  }
}

resource "aws_api_gateway_deployment" "deployment" {
  rest_api_id = aws_api_gateway_rest_api.api.id

  # Chosen fields: whole resources would change with what the provider computes, and redeploy at every apply.
  triggers = {
    definition = sha1(jsonencode([var.api.function_arn, { for name, route in local.routes : name => [route.method, route.needs_key] }, local.refusals]))
  }

  depends_on = [aws_api_gateway_integration.route, aws_api_gateway_gateway_response.refusal]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.api.name}"
  retention_in_days = var.api.log_retention_days
}

resource "aws_api_gateway_stage" "v1" {
  rest_api_id          = aws_api_gateway_rest_api.api.id
  deployment_id        = aws_api_gateway_deployment.deployment.id
  stage_name           = "v1"
  xray_tracing_enabled = var.api.tracing

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      request_id = "$context.requestId"
      time       = "$context.requestTimeEpoch"
      method     = "$context.httpMethod"
      path       = "$context.path"
      status     = "$context.status"
      latency_ms = "$context.responseLatency"
      key_id     = "$context.identity.apiKeyId"
    })
  }

  depends_on = [aws_api_gateway_account.logging]
}

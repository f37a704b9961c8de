output "rest_api" {
  description = "The REST API."
  value       = aws_api_gateway_rest_api.api
}

output "stage" {
  description = "Its stage."
  value       = aws_api_gateway_stage.v1
}

output "key_name" {
  description = "Name of the default key; its value stays in API Gateway."
  value       = aws_api_gateway_api_key.default.name
}

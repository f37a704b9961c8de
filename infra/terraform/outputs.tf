output "api_url" {
  description = "Base URL of the API; /health needs no key, everything else the header x-api-key."
  # Emulators answer on their own endpoint instead of a host per API.
  value = local.emulated ? "${local.settings.endpoint}/restapis/${module.api.rest_api.id}/${module.api.stage.stage_name}/_user_request_" : module.api.stage.invoke_url
}

output "api_key_name" {
  description = "Name of the default API key. Its value: aws apigateway get-api-keys --name-query NAME --include-values."
  value       = module.api.key_name
}

output "dashboard" {
  description = "The CloudWatch dashboard: its name on an emulator, its page on AWS."
  value       = local.emulated ? module.observability.dashboard : "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${module.observability.dashboard}"
}

output "state_machine_arn" {
  description = "Retraining; start it with {} for every configured symbol."
  value       = module.retraining.state_machine.arn
}

output "backfill_state_machine_arn" {
  description = "Backfill and repair of history; start it with {} for every configured symbol, or by candlecast backfill."
  value       = module.backfill.state_machine.arn
}

output "training_image" {
  description = "The container image that training jobs run."
  value       = module.retraining.image
}

output "bucket" {
  description = "Candles, features, forecasts, models, reports."
  value       = module.storage.bucket.name
}

output "table" {
  description = "Forecasts, one item per symbol and target hour."
  value       = module.storage.table.name
}

output "functions" {
  description = "Function names by their part."
  value       = { for name, part in module.function : name => part.function.function_name }
}

output "bus" {
  description = "The event bus."
  value       = aws_cloudwatch_event_bus.bus.name
}

output "topic" {
  description = "Where alarms and retraining tell people."
  value       = module.observability.topic.arn
}

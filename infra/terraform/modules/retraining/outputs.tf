output "state_machine" {
  description = "The retraining state machine."
  value       = { arn = aws_sfn_state_machine.retraining.arn, name = aws_sfn_state_machine.retraining.name }
}

output "image" {
  description = "The container image that training jobs run."
  value       = local.image
}

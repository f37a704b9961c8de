output "state_machine" {
  description = "The backfill state machine."
  value       = { arn = aws_sfn_state_machine.backfill.arn, name = aws_sfn_state_machine.backfill.name }
}

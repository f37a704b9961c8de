output "topic" {
  description = "The topic that alarms and retraining tell."
  value       = { arn = aws_sns_topic.alarms.arn, name = aws_sns_topic.alarms.name }
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.loop.dashboard_name
}

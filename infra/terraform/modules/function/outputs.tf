output "function" {
  description = "The function."
  value       = aws_lambda_function.function
}

output "dead_letters" {
  description = "The queue of what could not be handled."
  value       = aws_sqs_queue.dead_letters
}

output "bucket" {
  description = "The bucket, once its objects are versioned: an object put earlier would show a change at the next plan."
  value       = { name = aws_s3_bucket.data.bucket, arn = aws_s3_bucket.data.arn }
  depends_on  = [aws_s3_bucket_versioning.data]
}

output "table" {
  description = "The table of forecasts."
  value       = { name = aws_dynamodb_table.forecasts.name, arn = aws_dynamodb_table.forecasts.arn }
}

# One bucket for candles, features, forecasts, models and reports; one table for forecasts as they are asked for.

resource "aws_s3_bucket" "data" {
  bucket        = var.storage.bucket
  force_destroy = !var.storage.protect
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "data" {
  bucket = aws_s3_bucket.data.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# Monthly objects are rewritten hourly: without the first rule their old versions would outgrow the data.
resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket     = aws_s3_bucket.data.id
  depends_on = [aws_s3_bucket_versioning.data]

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "job-output"
    status = "Enabled"

    filter {
      prefix = "training-jobs/" # SageMaker's copies; the registered bundles lie under models/
    }

    expiration {
      days = 30
    }
  }
}

# An emulator on http would refuse itself.
resource "aws_s3_bucket_policy" "tls_only" {
  count = var.storage.tls_only ? 1 : 0

  bucket = aws_s3_bucket.data.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.data]
}

resource "aws_dynamodb_table" "forecasts" {
  name                        = var.storage.table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "series"
  range_key                   = "target_hour"
  deletion_protection_enabled = var.storage.protect

  attribute {
    name = "series"
    type = "S"
  }

  attribute {
    name = "target_hour"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# Retraining: the state machine of retrain.asl.json, the training image's repository, and the monthly start.

locals {
  name = "${var.retraining.prefix}-retraining"
  arn  = "arn:${var.retraining.partition}:states:${var.retraining.region}:${var.retraining.account}:stateMachine:${local.name}"
  jobs = "arn:${var.retraining.partition}:sagemaker:${var.retraining.region}:${var.retraining.account}:training-job/${var.retraining.prefix}-*"

  registry = "${var.retraining.account}.dkr.ecr.${var.retraining.region}.amazonaws.com"
  image    = coalesce(var.retraining.image, "${local.registry}/${var.retraining.prefix}-training:latest")
  # The repository of "<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>", wherever it lies.
  image_parts      = regex("^([0-9]+)\\.dkr\\.ecr\\.([a-z0-9-]+)\\.amazonaws\\.com/([^:@]+)", local.image)
  image_repository = "arn:${var.retraining.partition}:ecr:${local.image_parts[1]}:${local.image_parts[0]}:repository/${local.image_parts[2]}"
}

resource "aws_sfn_state_machine" "retraining" {
  name     = local.name
  role_arn = aws_iam_role.machine.arn

  definition = templatefile("${path.module}/retrain.asl.json", {
    prefix           = var.retraining.prefix
    environment      = var.retraining.environment
    symbols          = jsonencode(var.retraining.symbols)
    timeframe        = var.retraining.timeframe
    pooled           = var.retraining.pooled
    bucket           = var.retraining.bucket.name
    image            = local.image
    training_role    = aws_iam_role.training.arn
    instance_type    = var.retraining.instance_type
    volume_gb        = var.retraining.volume_gb
    max_runtime      = var.retraining.max_runtime
    training_timeout = var.retraining.max_runtime + 1800 # waiting for an instance, downloading, uploading
    concurrency      = var.retraining.concurrency
    machine_timeout  = ceil(length(var.retraining.symbols) / var.retraining.concurrency) * 2 * (var.retraining.max_runtime + 3600)
    drift_function   = var.retraining.drift_function_arn
    drift_timeout    = var.retraining.drift_timeout + 30
    topic            = var.retraining.topic_arn
  })

  depends_on = [aws_iam_role_policy.machine]
}

# Emulators run a local program in the image's place and need no repository.
resource "aws_ecr_repository" "training" {
  count = var.retraining.repository ? 1 : 0

  name         = "${var.retraining.prefix}-training"
  force_delete = true # images are built from this repository's code at any time

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "training" {
  count = var.retraining.repository ? 1 : 0

  repository = aws_ecr_repository.training[0].name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "The ten newest images"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

# --- The monthly refit ------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_event_rule" "monthly" {
  name                = "${var.retraining.prefix}-retrain"
  description         = "The calendar refit of every symbol"
  schedule_expression = var.retraining.schedule
}

resource "aws_cloudwatch_event_target" "monthly" {
  rule     = aws_cloudwatch_event_rule.monthly.name
  arn      = aws_sfn_state_machine.retraining.arn
  role_arn = aws_iam_role.monthly.arn

  input_transformer {
    input_paths    = { time = "$.time" }
    input_template = "{\"as_of\": <time>, \"reason\": \"calendar\"}"
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${local.name}-dead-letters"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "UndeliveredEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:${var.retraining.partition}:sqs:${var.retraining.region}:${var.retraining.account}:${local.name}-dead-letters"
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.monthly.arn } }
    }]
  })
}

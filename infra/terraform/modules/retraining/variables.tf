variable "retraining" {
  description = "Training jobs and the state machine around them. max_runtime and drift_timeout in seconds; image null: <prefix>-training:latest of this account; repository: make that here."
  type = object({
    prefix             = string
    environment        = string
    region             = string
    account            = string
    partition          = string
    bucket             = object({ name = string, arn = string })
    drift_function_arn = string
    drift_timeout      = number
    topic_arn          = string
    symbols            = list(string)
    timeframe          = string
    pooled             = bool
    instance_type      = string
    volume_gb          = number
    max_runtime        = number
    image              = optional(string)
    repository         = bool
    schedule           = string
    concurrency        = optional(number, 4)
  })

  # A job's name is <prefix>-<UUID>, and SageMaker takes 63 characters.
  validation {
    condition     = length(var.retraining.prefix) <= 26
    error_message = "prefix and environment together have at most 25 characters: SageMaker's job names carry them."
  }

  validation {
    condition     = var.retraining.image == null || can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[^:@]+([:@].+)?$", var.retraining.image))
    error_message = "training.image in settings.yaml must be an image in ECR: <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>."
  }
}

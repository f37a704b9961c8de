variable "function" {
  description = "One Lambda function: its package, its limits, what may start it (rules: name to EventBridge rule ARN) and what it may do."
  type = object({
    name               = string
    region             = string
    account            = string
    partition          = string
    description        = string
    handler            = string
    runtime            = string
    architecture       = string
    package            = object({ bucket = string, key = string })
    layers             = list(string)
    memory_mb          = number
    timeout_seconds    = number
    log_retention_days = number
    tracing            = bool
    environment        = map(string)
    rules              = map(string)
    statements = list(object({
      sid       = string
      actions   = list(string)
      resources = list(string)
      condition = optional(object({ test = string, variable = string, values = list(string) }))
    }))
  })

  validation {
    condition     = length(var.function.name) <= 64
    error_message = "A function's name has at most 64 characters; shorten the prefix in settings.yaml."
  }

  validation {
    condition     = !strcontains(join(" ", flatten(var.function.statements[*].actions)), "*")
    error_message = "No wildcard actions: name each action the function needs."
  }

  validation {
    condition     = !contains(flatten(var.function.statements[*].resources), "*")
    error_message = "No wildcard resource: name the ARN or prefix the function needs."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

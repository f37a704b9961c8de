variable "api" {
  description = "The REST API in front of one function. key_value null: API Gateway draws one; account_logging: let API Gateway of this account write access logs."
  type = object({
    name               = string
    key_name           = string
    key_value          = optional(string)
    function_name      = string
    function_arn       = string
    invoke_arn         = string
    throttle_rate      = number
    throttle_burst     = number
    quota_per_day      = number
    log_retention_days = number
    tracing            = bool
    account_logging    = bool
  })

  validation {
    condition     = var.api.throttle_burst >= var.api.throttle_rate
    error_message = "api.throttle_burst in settings.yaml must be at least api.throttle_rate."
  }
}

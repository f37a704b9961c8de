variable "backfill" {
  description = "The state machine that fills history through ingest. ingest_timeout in seconds; concurrency: months at once."
  type = object({
    prefix              = string
    region              = string
    account             = string
    partition           = string
    ingest_function_arn = string
    ingest_timeout      = number
    concurrency         = number
    schedule            = string
  })

  validation {
    condition     = var.backfill.concurrency >= 1 && var.backfill.concurrency <= 40
    error_message = "exchange.backfill_concurrency in settings.yaml is 1 to 40: a map inside one execution runs no more at once."
  }
}

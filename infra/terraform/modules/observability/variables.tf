variable "observability" {
  description = "What to watch, by name, and whom to tell."
  type = object({
    prefix         = string
    environment    = string
    region         = string
    account        = string
    symbols        = set(string)
    symbols_apart  = number
    gap_hours      = number
    exchanges      = list(string)
    functions      = map(string)
    dead_letters   = set(string)
    api            = object({ name = string, stage = string })
    state_machines = object({ retraining = string, backfill = string })
    email          = optional(string)
  })

  validation {
    condition     = var.observability.email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.observability.email))
    error_message = "alarm_email in settings.yaml must be an e-mail address or null."
  }
}

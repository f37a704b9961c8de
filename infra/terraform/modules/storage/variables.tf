variable "storage" {
  description = "The bucket and the table. protect: refuse to delete data; tls_only: refuse plain HTTP."
  type = object({
    bucket   = string
    table    = string
    protect  = bool
    tls_only = bool
  })

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.storage.bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and dashes; shorten the prefix in settings.yaml."
  }
}

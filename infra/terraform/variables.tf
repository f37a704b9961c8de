variable "settings_file" {
  description = "The settings file in force, as candlecast.settings finds it."
  type        = string
  default     = "../../settings.yaml"
}

variable "environment" {
  description = "Which environment of the settings file this stack is."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "An environment's name is 2 to 12 lower-case letters and digits: it is part of every resource's name."
  }

  validation {
    condition     = contains(keys(yamldecode(file(var.settings_file)).environments), var.environment)
    error_message = "The settings file has no such environment."
  }
}

variable "manifest" {
  description = "manifest.json of the built packages (python -m layers.build)."
  type        = string
}

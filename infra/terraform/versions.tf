terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The path is given at init (infra/deploy.py): one state file per environment.
  backend "local" {}
}

# AWS and its emulators differ by environment variables only (AWS_ENDPOINT_URL and keys), see infra/deploy.py.
provider "aws" {
  region      = local.settings.region
  profile     = local.emulated ? null : local.settings.profile
  max_retries = local.emulated ? 2 : 25 # an emulator that refuses once refuses again

  default_tags {
    tags = {
      project     = local.settings.prefix
      environment = var.environment
      managed-by  = "terraform"
    }
  }
}

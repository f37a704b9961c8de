# The whole stack against a mocked provider: no AWS, no network. What these runs render is checked further by tests/infra:
# policies, events, alarms and the state machine.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  settings_file = "../../settings.yaml"
  manifest      = "tests/manifest.json"
}

run "an_emulator" {
  command = plan

  variables {
    environment = "local"
  }

  assert {
    condition     = startswith(output.dashboard, "candlecast-local")
    error_message = "An emulator has no console page."
  }
}

run "production" {
  command = plan

  variables {
    environment = "prod"
  }

  assert {
    condition     = startswith(output.dashboard, "https://eu-central-1.console.aws.amazon.com/")
    error_message = "On AWS the dashboard is a page of the console."
  }

  assert {
    condition     = output.table == "candlecast-prod-forecasts"
    error_message = "Every name carries its environment."
  }
}

run "an_unknown_environment_is_refused" {
  command = plan

  variables {
    environment = "moon"
  }

  expect_failures = [var.environment]
}

run "development" {
  variables {
    environment = "dev"
  }

  assert {
    condition     = alltrue([for name, part in module.function : part.function.function_name == "candlecast-dev-${name}"])
    error_message = "A function's name is <prefix>-<environment>-<part>."
  }

  assert {
    condition     = alltrue([for name, part in module.function : part.function.architectures == tolist(["arm64"])])
    error_message = "Functions run on the architecture their packages were built for."
  }

  assert {
    condition     = output.bucket == "candlecast-dev-123456789012"
    error_message = "The bucket's name carries the account, for bucket names are the whole world's."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.ingest) == 1
    error_message = "One symbol is one shard."
  }

  assert {
    condition     = module.backfill.state_machine.name == "candlecast-dev-backfill"
    error_message = "The command line finds the backfill machine by its name."
  }

  assert {
    condition     = output.training_image == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/candlecast-dev-training:latest"
    error_message = "Without training.image, jobs run the image in the stack's own repository."
  }
}

# What the modules refuse, so that it fails on a developer's machine and not in a review.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name               = "candlecast-dev-ingest"
    region             = "eu-central-1"
    account            = "123456789012"
    partition          = "aws"
    description        = "a function"
    handler            = "lambdas.ingest.handler.handler"
    runtime            = "python3.12"
    architecture       = "arm64"
    package            = { bucket = "bucket", key = "key" }
    layers             = []
    memory_mb          = 512
    timeout_seconds    = 60
    log_retention_days = 30
    tracing            = true
    environment        = {}
    rules              = {}
    statements         = []
  }
}

run "a_function_with_exact_statements_is_taken" {
  command = plan
  module {
    source = "./modules/function"
  }
}

run "a_wildcard_action_is_refused" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    function = merge(var.function, {
      statements = [{ sid = "Everything", actions = ["s3:*"], resources = ["arn:aws:s3:::bucket/candles/*"] }]
    })
  }
  expect_failures = [var.function]
}

run "a_wildcard_resource_is_refused" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    function = merge(var.function, {
      statements = [{ sid = "Anywhere", actions = ["s3:GetObject"], resources = ["*"] }]
    })
  }
  expect_failures = [var.function]
}

run "a_bucket_name_that_s3_would_refuse_is_refused" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    storage = { bucket = "Candle_Cast", table = "forecasts", protect = false, tls_only = true }
  }
  expect_failures = [var.storage]
}

run "more_months_at_once_than_a_map_runs_are_refused" {
  command = plan
  module {
    source = "./modules/backfill"
  }
  variables {
    backfill = {
      prefix              = "candlecast-dev"
      region              = "eu-central-1"
      account             = "123456789012"
      partition           = "aws"
      ingest_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:candlecast-dev-ingest"
      ingest_timeout      = 600
      concurrency         = 41
      schedule            = "cron(30 3 ? * SUN *)"
    }
  }
  expect_failures = [var.backfill]
}

# candlecast: settings.yaml in, the whole platform out. This file only composes; each entity has a file or a module.

module "storage" {
  source = "./modules/storage"

  storage = {
    bucket   = local.bucket_name
    table    = local.table_name
    protect  = var.environment == "prod"
    tls_only = !startswith(coalesce(local.settings.endpoint, "https"), "http:")
  }
}

module "api" {
  source = "./modules/api"

  api = {
    name               = "${local.prefix}-api"
    key_name           = "${local.prefix}-default"
    key_value          = local.emulated ? sha1("${local.settings.endpoint}/${local.prefix}") : null # emulators do not draw one; theirs guards nothing
    function_name      = module.function["api"].function.function_name
    function_arn       = module.function["api"].function.arn
    invoke_arn         = module.function["api"].function.invoke_arn
    throttle_rate      = local.settings.api.throttle_rate
    throttle_burst     = local.settings.api.throttle_burst
    quota_per_day      = local.settings.api.quota_per_day
    log_retention_days = local.settings.functions.log_retention_days
    tracing            = local.tracing
    account_logging    = !local.emulated
  }
}

module "retraining" {
  source = "./modules/retraining"

  retraining = {
    prefix             = local.prefix
    environment        = var.environment
    region             = local.region
    account            = local.account
    partition          = local.partition
    bucket             = module.storage.bucket
    drift_function_arn = module.function["drift"].function.arn
    drift_timeout      = module.function["drift"].function.timeout
    topic_arn          = module.observability.topic.arn
    symbols            = local.settings.symbols
    timeframe          = local.settings.timeframe
    pooled             = local.settings.training.pooled
    instance_type      = local.settings.training.instance_type
    volume_gb          = local.settings.training.volume_gb
    max_runtime        = local.settings.training.max_runtime_minutes * 60
    image              = local.settings.training.image
    repository         = local.settings.training.image == null && !local.emulated
    schedule           = local.settings.schedules.retrain
  }
}

module "backfill" {
  source = "./modules/backfill"

  backfill = {
    prefix              = local.prefix
    region              = local.region
    account             = local.account
    partition           = local.partition
    ingest_function_arn = module.function["ingest"].function.arn
    ingest_timeout      = module.function["ingest"].function.timeout
    concurrency         = local.settings.exchange.backfill_concurrency
    schedule            = local.settings.schedules.repair
  }
}

module "observability" {
  source = "./modules/observability"

  observability = {
    prefix         = local.prefix
    environment    = var.environment
    region         = local.region
    account        = local.account
    symbols        = toset(local.settings.symbols)
    symbols_apart  = local.settings.telemetry.symbols_apart
    gap_hours      = local.settings.telemetry.gap_hours
    exchanges      = local.settings.exchange.order
    functions      = { for name in keys(local.functions) : name => "${local.prefix}-${name}" }
    dead_letters   = [for name in concat(keys(local.functions), ["retraining", "backfill"]) : "${local.prefix}-${name}-dead-letters"]
    api            = { name = "${local.prefix}-api", stage = "v1" }
    state_machines = { retraining = local.state_machine_arn, backfill = local.backfill_machine_arn }
    email          = local.settings.alarm_email
  }
}

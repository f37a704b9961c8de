# The four functions and their layers, from the packages that layers/build.py made.
locals {
  build    = jsondecode(file(var.manifest))
  packages = dirname(var.manifest)
  tracing  = !local.emulated # X-Ray has no API on the emulators
  functions = {
    ingest = {
      description     = "Closed candles and their features, hourly"
      timeout_seconds = 600
      environment     = { CANDLECAST_BUS = local.bus_name }
      rules           = { for shard, rule in aws_cloudwatch_event_rule.ingest : "ingest-${shard}" => rule.arn }
    }
    predict = {
      description     = "The forecast of the next hour, and the settlement of past ones"
      timeout_seconds = 600
      environment     = { CANDLECAST_BUS = local.bus_name, CANDLECAST_TABLE = local.table_name }
      rules           = { candles-stored = aws_cloudwatch_event_rule.candles_stored.arn }
    }
    drift = {
      description     = "Whether the forecasts are still good; promotes trained models"
      timeout_seconds = 300
      environment     = { CANDLECAST_BUS = local.bus_name, CANDLECAST_STATE_MACHINE = local.state_machine_arn }
      rules           = { drift = aws_cloudwatch_event_rule.drift.arn }
    }
    api = {
      description     = "The HTTP API"
      timeout_seconds = 29 # API Gateway's own limit
      environment = {
        CANDLECAST_TABLE            = local.table_name
        CANDLECAST_PREDICT_FUNCTION = "${local.prefix}-predict"
      }
      rules = {}
    }
  }
}

# A package's key holds its content's hash: what did not change is neither uploaded nor published again.
resource "aws_s3_object" "layer" {
  for_each = local.build.layers

  bucket = module.storage.bucket.name
  key    = "artifacts/layers/${each.key}/${each.value.source_hash}.zip"
  source = "${local.packages}/${each.value.zip}"

  override_provider {
    default_tags {
      tags = {} # of uploads in parts the embedded AWS forgets the tags
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "function" {
  for_each = local.build.functions

  bucket = module.storage.bucket.name
  key    = "artifacts/functions/${each.key}/${each.value.source_hash}.zip"
  source = "${local.packages}/${each.value.zip}"

  override_provider {
    default_tags {
      tags = {} # of uploads in parts the embedded AWS forgets the tags
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_layer_version" "layer" {
  for_each = local.build.layers

  layer_name               = "${local.prefix}-${each.key}"
  s3_bucket                = aws_s3_object.layer[each.key].bucket
  s3_key                   = aws_s3_object.layer[each.key].key
  compatible_runtimes      = ["python${local.build.python}"]
  compatible_architectures = [local.build.architecture]

  lifecycle {
    create_before_destroy = true # functions move to the new version before the old one goes
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  function = {
    name               = "${local.prefix}-${each.key}"
    region             = local.region
    account            = local.account
    partition          = local.partition
    description        = each.value.description
    handler            = "lambdas.${each.key}.handler.handler"
    runtime            = "python${local.build.python}"
    architecture       = local.build.architecture
    package            = { bucket = aws_s3_object.function[each.key].bucket, key = aws_s3_object.function[each.key].key }
    layers             = [for layer in local.build.functions[each.key].layers : aws_lambda_layer_version.layer[layer].arn]
    memory_mb          = local.settings.functions.memory_mb[each.key]
    timeout_seconds    = each.value.timeout_seconds
    log_retention_days = local.settings.functions.log_retention_days
    tracing            = local.tracing
    rules              = each.value.rules
    statements         = local.statements[each.key]
    environment = merge(each.value.environment, {
      CANDLECAST_ENV               = var.environment
      CANDLECAST_BUCKET            = local.bucket_name
      POWERTOOLS_SERVICE_NAME      = each.key
      POWERTOOLS_METRICS_NAMESPACE = "candlecast"
      POWERTOOLS_LOG_LEVEL         = "INFO"
      POWERTOOLS_TRACE_DISABLED    = tostring(!local.tracing)
    })
  }
}

# What each function may do, one statement per capability. Its logs, dead letters and traces are in modules/function.
locals {
  table_arn = "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${local.table_name}"
  bus_arn   = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/${local.bus_name}"

  champion_pointer = "${local.bucket_arn}/models/symbol=*/champion.json"
  champion         = [local.champion_pointer, "${local.bucket_arn}/models/symbol=*/version=*/model.tar.gz"]
  verdicts         = "${local.bucket_arn}/models/symbol=*/version=*/verdict.json"

  publish_events = { sid = "PublishEvents", actions = ["events:PutEvents"], resources = [local.bus_arn] }

  # Without ListBucket S3 answers 403 where an object is missing, and a missing month or champion is a normal case.
  # "IfExists": a plain GetObject carries no prefix.
  list = {
    for reader, prefixes in {
      ingest  = ["candles/*", "features/*", "gaps/*", "quarantine/*", "revisions/*"]
      predict = ["features/*", "forecasts/*", "models/*"]
      drift   = ["forecasts/*", "models/*", "reports/drift/*"]
      api     = ["gaps/*", "models/*", "reports/drift/*"]
      } : reader => {
      sid       = "TellMissingFromForbidden"
      actions   = ["s3:ListBucket"]
      resources = [local.bucket_arn]
      condition = { test = "StringLikeIfExists", variable = "s3:prefix", values = prefixes }
    }
  }

  statements = {
    ingest = [
      local.list.ingest,
      local.publish_events,
      {
        sid       = "KeepCandlesAndFeatures"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = [for dataset in ["candles", "features", "gaps", "quarantine", "revisions"] : "${local.bucket_arn}/${dataset}/*"]
      },
      {
        sid       = "RetryASymbolOnItsOwn"
        actions   = ["lambda:InvokeFunction"]
        resources = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.prefix}-ingest"]
      },
    ]
    predict = [
      local.list.predict,
      local.publish_events,
      {
        sid       = "ReadFeaturesAndTheChampion"
        actions   = ["s3:GetObject"]
        resources = concat(["${local.bucket_arn}/features/*"], local.champion)
      },
      {
        sid       = "KeepCalibrations"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${local.bucket_arn}/models/symbol=*/version=*/calibration.json"]
      },
      {
        sid       = "KeepForecastHistory"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${local.bucket_arn}/forecasts/*"]
      },
      {
        sid       = "KeepForecasts"
        actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        resources = [local.table_arn]
      },
    ]
    drift = [
      local.list.drift,
      local.publish_events,
      {
        sid       = "ReadForecastsAndModels"
        actions   = ["s3:GetObject"]
        resources = concat(["${local.bucket_arn}/forecasts/*", local.verdicts], local.champion)
      },
      {
        sid       = "KeepReports"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${local.bucket_arn}/reports/drift/*"]
      },
      {
        sid     = "PromoteModels"
        actions = ["s3:PutObject"]
        resources = [
          local.champion_pointer,
          "${local.bucket_arn}/models/symbol=*/history/*",
        ]
      },
      {
        sid       = "StartRetraining"
        actions   = ["states:StartExecution"]
        resources = [local.state_machine_arn]
      },
    ]
    api = [
      local.list.api,
      {
        sid       = "ReadGapsVerdictsAndReports"
        actions   = ["s3:GetObject"]
        resources = [local.champion_pointer, local.verdicts, "${local.bucket_arn}/gaps/*", "${local.bucket_arn}/reports/drift/*"]
      },
      {
        sid       = "ReadForecasts"
        actions   = ["dynamodb:GetItem", "dynamodb:Query"]
        resources = [local.table_arn]
      },
      {
        sid       = "AskForPastForecasts"
        actions   = ["lambda:InvokeFunction"]
        resources = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.prefix}-predict"]
      },
    ]
  }
}

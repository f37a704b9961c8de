# settings.yaml as candlecast.settings reads it: the defaults with the environment's own keys laid over them, section by
# section. Terraform has no recursion: two levels of sections below the top, which is as deep as the file goes.
locals {
  document    = yamldecode(file(var.settings_file))
  defaults    = local.document.defaults
  environment = merge({}, local.document.environments[var.environment])

  settings = merge(local.defaults, local.environment, {
    for section, values in local.environment : section => merge(local.defaults[section], values, {
      for key, inner in values : key => merge(local.defaults[section][key], inner)
      if can(keys(inner)) && can(keys(local.defaults[section][key]))
    })
    if can(keys(values)) && can(keys(local.defaults[section]))
  })

  prefix   = "${local.settings.prefix}-${var.environment}"
  emulated = local.settings.endpoint != null
}

# What names and ARNs need. Computing them from names keeps the graph wide: resources need not wait for one another.
data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = local.settings.region

  bucket_name       = "${local.prefix}-${local.account}"
  bucket_arn        = "arn:${local.partition}:s3:::${local.bucket_name}"
  table_name        = "${local.prefix}-forecasts"
  bus_name          = "${local.prefix}-bus"
  state_machine_arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${local.prefix}-retraining"
}

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

  backfill_machine_arn = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${local.prefix}-backfill"
}

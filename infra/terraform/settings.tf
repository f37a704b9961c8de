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
  shards   = ceil(length(local.settings.symbols) / local.settings.shard_size)
}

# Alarms on what functions measure of symbols. Each symbol has its own while they are few. Since CloudWatch bills every
# alarm and every set of dimensions, many symbols share theirs: candlecast.telemetry then leaves the symbol out, and the
# metrics tell the worst of all symbols, their sum, and how many reported.
locals {
  apart       = length(var.observability.symbols) <= var.observability.symbols_apart
  environment = { environment = var.observability.environment }

  # By what stands at the end of an alarm's name: whom it is about, and by which dimensions it is found.
  subjects = local.apart ? {
    for symbol in var.observability.symbols : symbol => { who = symbol, dimensions = merge(local.environment, { symbol = symbol }) }
  } : { symbols = { who = "at least one symbol (the ingest log and candlecast status tell which)", dimensions = local.environment } }

  symbol_alarms = merge(
    { for name, subject in local.subjects : "freshness-${name}" => {
      namespace  = "candlecast", metric = "FreshnessSeconds", statistic = "Maximum", threshold = 7200, period = 3600, periods = 2
      dimensions = subject.dimensions, missing = "breaching"
      runbook    = "No candle for two hours, or no ingest run at all: ${subject.who}. See that the ingest rule is enabled, what the ingest log says, and whether the exchanges answer. Until then the baseline serves, with a wider interval; the next good run fetches what is missing by itself."
    } },
    { for name, subject in local.subjects : "gaps-${name}" => {
      namespace  = "candlecast", metric = "GapsOpen", statistic = "Maximum", threshold = var.observability.gap_hours, period = 3600, periods = 2
      dimensions = subject.dimensions, missing = "notBreaching"
      runbook    = "More than ${var.observability.gap_hours} hours inside the stored history have no candle: ${subject.who}. candlecast status lists them with the exchanges that were asked. Run candlecast backfill; if no exchange has them, add one to exchange.order, or raise telemetry.gap_hours in settings.yaml."
    } },
    { for name, subject in local.subjects : "quarantine-${name}" => {
      namespace  = "candlecast", metric = "CandlesQuarantined", statistic = "Maximum", threshold = 0, period = 3600, periods = 3
      dimensions = subject.dimensions, missing = "notBreaching"
      runbook    = "For three hours in a row an exchange has sent candles that cannot be true: ${subject.who}. They are in quarantine/ in the bucket, each with its reason and source; other exchanges' candles took their place where they had them. If it goes on, put that exchange last in exchange.order."
    } },
    { for name, subject in local.subjects : "champion-${name}" => {
      namespace  = "candlecast", metric = "ChampionBroken", statistic = "Maximum", threshold = 0, period = 3600, periods = 1
      dimensions = subject.dimensions, missing = "notBreaching"
      runbook    = "The champion's bundle is missing or not the one that was promoted, so the baseline serves: ${subject.who}. The predict log names the bundle. Promote an intact version (candlecast models, candlecast rollback) or start a retraining."
    } },
    { for name, subject in local.subjects : "drift-${name}" => {
      namespace  = "candlecast", metric = "DriftBreach", statistic = "Maximum", threshold = 0, period = 3600, periods = 1
      dimensions = subject.dimensions, missing = "ignore"
      runbook    = "The drift rule says retrain: ${subject.who}. Read its report in reports/drift/ in the bucket; a retraining has started by itself unless its cooldown holds."
    } },
    # Where symbols share a metric, silence of one hides behind the others: so those that reported are counted.
    { for name, subject in local.subjects : "silent-${name}" => {
      namespace  = "candlecast", metric = "FreshnessSeconds", statistic = "SampleCount", threshold = length(var.observability.symbols), period = 3600, periods = 2
      dimensions = subject.dimensions, missing = "breaching", comparison = "LessThanThreshold"
      runbook    = "Fewer symbols than the ${length(var.observability.symbols)} configured were ingested in each of the last two hours. See which shard's rule is disabled, and which symbols' events lie in the dead-letter queue of ingest."
    } if !local.apart },
  )
}

"""The Terraform code's own tests, and what holds for every resource whatever its kind."""

from tests.infra.conftest import Stack, TestRuns


def test_every_terraform_test_passes(runs: TestRuns) -> None:
    assert runs.failures == []
    assert {"development", "an_emulator", "production"} <= set(runs.stacks)


def test_every_function_has_its_log_group_with_retention_and_two_alarms(development: Stack) -> None:
    alarms = {alarm["alarm_name"] for alarm in development.of_type("aws_cloudwatch_metric_alarm").values()}
    for function in development.of_type("aws_lambda_function").values():
        name = function["function_name"]
        groups = development.of_type("aws_cloudwatch_log_group").values()
        assert [g["retention_in_days"] for g in groups if g["name"] == f"/aws/lambda/{name}"] == [30]
        assert {f"{name}-errors", f"{name}-dead-letters"} <= alarms


def test_every_alarm_tells_people_and_says_what_to_do(development: Stack) -> None:
    alarms = development.of_type("aws_cloudwatch_metric_alarm")
    assert len(alarms) == 4 + 6 + 5 + 5
    for address, alarm in alarms.items():
        assert alarm["alarm_actions"], address
        assert len(alarm["alarm_description"]) > 60, address


def test_silence_is_an_alarm_only_where_data_must_keep_coming(development: Stack) -> None:
    alarms = development.of_type("aws_cloudwatch_metric_alarm").values()
    breaching = {alarm["metric_name"] for alarm in alarms if alarm["treat_missing_data"] == "breaching"}
    assert breaching == {"FreshnessSeconds"}


def test_every_queue_is_encrypted_and_keeps_letters_for_two_weeks(development: Stack) -> None:
    queues = development.of_type("aws_sqs_queue")
    assert len(queues) == 6
    for queue in queues.values():
        assert (queue["sqs_managed_sse_enabled"], queue["message_retention_seconds"]) == (True, 1_209_600)


def test_the_bucket_is_versioned_encrypted_private_and_takes_tls_only(development: Stack) -> None:
    assert (
        development["module.storage.aws_s3_bucket_versioning.data"]["versioning_configuration"][0]["status"]
        == "Enabled"
    )
    block = development["module.storage.aws_s3_bucket_public_access_block.data"]
    assert all(
        block[k] for k in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    )
    assert "module.storage.aws_s3_bucket_server_side_encryption_configuration.data" in development.resources
    assert "module.storage.aws_s3_bucket_policy.tls_only[0]" in development.resources


def test_an_emulator_on_http_gets_no_tls_only_policy_and_no_traces(emulated: Stack) -> None:
    assert not emulated.of_type("aws_s3_bucket_policy")
    for function in emulated.of_type("aws_lambda_function").values():
        assert function["tracing_config"][0]["mode"] == "PassThrough"
        assert function["environment"][0]["variables"]["POWERTOOLS_TRACE_DISABLED"] == "true"


def test_data_is_protected_in_production_alone(runs: TestRuns, development: Stack) -> None:
    for stack, protected in ((runs.stacks["production"], True), (development, False)):
        assert stack["module.storage.aws_dynamodb_table.forecasts"]["deletion_protection_enabled"] is protected
        assert stack["module.storage.aws_s3_bucket.data"]["force_destroy"] is not protected


def test_functions_know_their_stack_by_environment_variables(development: Stack) -> None:
    variables = {
        function["function_name"].rpartition("-")[2]: function["environment"][0]["variables"]
        for function in development.of_type("aws_lambda_function").values()
    }
    every = {"CANDLECAST_ENV", "CANDLECAST_BUCKET", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE",
             "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_TRACE_DISABLED"}  # fmt: skip
    assert {name: set(values) - every for name, values in variables.items()} == {
        "ingest": {"CANDLECAST_BUS"},
        "predict": {"CANDLECAST_BUS", "CANDLECAST_TABLE"},
        "drift": {"CANDLECAST_BUS", "CANDLECAST_STATE_MACHINE"},
        "api": {"CANDLECAST_TABLE", "CANDLECAST_PREDICT_FUNCTION"},
    }
    assert variables["api"]["CANDLECAST_PREDICT_FUNCTION"] == "candlecast-dev-predict"


def test_only_health_needs_no_api_key(development: Stack) -> None:
    methods = development.of_type("aws_api_gateway_method")
    assert [address for address, method in methods.items() if not method["api_key_required"]] == [
        'module.api.aws_api_gateway_method.route["health"]'
    ]


def test_only_aws_gets_a_repository_for_the_training_image(development: Stack, emulated: Stack) -> None:
    assert len(development.of_type("aws_ecr_repository")) == 1
    assert not emulated.of_type("aws_ecr_repository")

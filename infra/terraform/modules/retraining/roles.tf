# Who may do what in retraining: the state machine, the training job, and the rule that starts the former.

resource "aws_iam_role" "machine" {
  name        = local.name
  description = "The retraining state machine"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.retraining.account }, ArnLike = { "aws:SourceArn" = local.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  name = "capabilities"
  role = aws_iam_role.machine.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "RunTrainingJobs"
        Effect   = "Allow"
        Action   = ["sagemaker:AddTags", "sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:ListTags", "sagemaker:StopTrainingJob"]
        Resource = [local.jobs]
      },
      {
        Sid       = "HandTheJobItsRole"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.training.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "sagemaker.amazonaws.com" } }
      },
      {
        # How Step Functions waits for a job (.sync); the rule is its own.
        # https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
        Sid      = "WaitForTrainingJobs"
        Effect   = "Allow"
        Action   = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
        Resource = ["arn:${var.retraining.partition}:events:${var.retraining.region}:${var.retraining.account}:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"]
      },
      {
        Sid      = "JudgeAndPromote"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [var.retraining.drift_function_arn]
      },
      {
        Sid      = "TellPeople"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = [var.retraining.topic_arn]
      },
    ]
  })
}

resource "aws_iam_role" "training" {
  name        = "${var.retraining.prefix}-training"
  description = "The training job"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sagemaker.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "training" {
  name = "capabilities"
  role = aws_iam_role.training.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "FindWhatItReads"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.retraining.bucket.arn]
        Condition = { StringLikeIfExists = { "s3:prefix" = ["candles/*", "features/*", "models/*", "mlflow/*"] } }
      },
      {
        Sid      = "ReadHistoryAndModels"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for kind in ["candles", "features", "models"] : "${var.retraining.bucket.arn}/${kind}/*"]
      },
      {
        Sid      = "KeepTheRegistry"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${var.retraining.bucket.arn}/mlflow/*"]
      },
      {
        # Never champion.json: promoting is drift's.
        Sid    = "LeaveModelsAndReports"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "${var.retraining.bucket.arn}/models/symbol=*/version=*",
          "${var.retraining.bucket.arn}/reports/training/*",
          "${var.retraining.bucket.arn}/training-jobs/*",
        ]
      },
      {
        Sid    = "WriteLogs"
        Effect = "Allow"
        Action = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        Resource = [
          "arn:${var.retraining.partition}:logs:${var.retraining.region}:${var.retraining.account}:log-group:/aws/sagemaker/TrainingJobs",
          "arn:${var.retraining.partition}:logs:${var.retraining.region}:${var.retraining.account}:log-group:/aws/sagemaker/TrainingJobs:*",
        ]
      },
      {
        # PutMetricData takes no resource.
        Sid       = "WriteMetrics"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"]
        Condition = { StringEquals = { "cloudwatch:namespace" = "/aws/sagemaker/TrainingJobs" } }
      },
      {
        Sid      = "PullTheImage"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = [local.image_repository]
      },
      {
        # GetAuthorizationToken takes no resource.
        Sid      = "SignInToTheImageRegistry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_iam_role" "monthly" {
  name        = "${local.name}-monthly"
  description = "The calendar rule that starts retraining"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnLike = { "aws:SourceArn" = aws_cloudwatch_event_rule.monthly.arn } }
    }]
  })
}

resource "aws_iam_role_policy" "monthly" {
  name = "capabilities"
  role = aws_iam_role.monthly.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "StartRetraining"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = [local.arn]
    }]
  })
}

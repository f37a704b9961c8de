"""The training program: one container under SageMaker's training contract."""

"""Deployment with Terraform."""

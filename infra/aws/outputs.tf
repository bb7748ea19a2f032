output "bucket_arn" {
  description = "ARN of the replica bucket, for policies."
  value       = aws_s3_bucket.replica.arn
}

output "location_url" {
  description = "The bucket as Drydock's configuration names it."
  value       = "s3://${aws_s3_bucket.replica.bucket}?region=${aws_s3_bucket.replica.region}"
}

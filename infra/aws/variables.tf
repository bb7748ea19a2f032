variable "bucket_name" {
  description = "Name of the bucket that holds the replica."
  type        = string
}

variable "kms_key_arn" {
  description = "ARN of a customer managed KMS key; null encrypts with keys that S3 manages."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted object can be brought back."
  type        = number
  default     = 180

  validation {
    condition     = var.noncurrent_days >= 30
    error_message = "An attack or a mistake may stay unnoticed for weeks: keep at least 30 days."
  }
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}

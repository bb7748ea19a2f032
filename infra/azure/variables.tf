variable "resource_group_name" {
  description = "An existing resource group, best one that holds nothing that comes and goes."
  type        = string
}

variable "location" {
  description = "Region of the storage account."
  type        = string
}

variable "account_name" {
  description = "Name of the storage account: 3 to 24 lower-case letters and digits."
  type        = string
}

variable "container_name" {
  description = "Name of the container that holds the replica."
  type        = string
  default     = "velero-replica"
}

variable "replication_type" {
  description = "How Azure itself keeps the data: LRS, ZRS, GRS, GZRS and their readable kinds."
  type        = string
  default     = "ZRS"
}

variable "customer_managed_key" {
  description = "A key of yours and an identity that may use it; null encrypts with Azure's keys."
  type = object({
    key_vault_id              = string
    key_name                  = string
    user_assigned_identity_id = string
  })
  default = null
}

variable "replicator_principal_id" {
  description = "Object id of the identity that writes the replica; null assigns no role."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days for which an overwritten or deleted blob can be brought back."
  type        = number
  default     = 180

  validation {
    condition     = var.noncurrent_days >= 30 && var.noncurrent_days <= 365
    error_message = "Keep at least 30 days; Azure keeps deleted blobs for at most 365."
  }
}

variable "tags" {
  description = "Tags of the storage account."
  type        = map(string)
  default     = {}
}
